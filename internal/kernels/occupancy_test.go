package kernels

import (
	"fmt"
	"testing"

	"strix-build/internal/codeobject"
)

// TestOccupancy: worked by hand from LLVM's formula (docs/kernels.md).
func TestOccupancy(t *testing.T) {
	t.Parallel()
	gpus, err := loadGPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		target codeobject.Target
		k      codeobject.Kernel
		want   int
	}{
		// registers: 1536 by steps of 24
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 8, Workgroup: 256}, 16},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 96, Workgroup: 256}, 16},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 97, Workgroup: 256}, 12},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 128, Workgroup: 256}, 10},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 192, Workgroup: 256}, 8},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 256, Workgroup: 256}, 5},
		{"gfx1151", codeobject.Kernel{Wave: 64, VGPRs: 96, Workgroup: 256}, 8},
		// 1024 by steps of 16, and of 8 with up to 20 waves
		{"gfx1102", codeobject.Kernel{Wave: 32, VGPRs: 96, Workgroup: 256}, 10},
		{"gfx1030", codeobject.Kernel{Wave: 32, VGPRs: 256, Workgroup: 256}, 4},
		{"gfx1010", codeobject.Kernel{Wave: 32, VGPRs: 8, Workgroup: 64}, 16},
		{"gfx1010", codeobject.Kernel{Wave: 32, VGPRs: 8, Workgroup: 256}, 20},
		// LDS: two workgroups of eight waves for four SIMDs; in CU mode one for two
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 256, LDS: 65536}, 4},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 256, LDS: 65536, CUMode: true}, 4},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 256, LDS: 40000}, 6},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 32, LDS: 65536}, 1},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 1024, LDS: 200000}, 1},
		// workgroups that do not fill the slots: three of 20 waves, 32 of one barrier each
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 640}, 15},
		{"gfx1151", codeobject.Kernel{Wave: 32, VGPRs: 24, Workgroup: 32}, 16},
		{"gfx942", codeobject.Kernel{Wave: 64, VGPRs: 24, Workgroup: 256}, 0},
	} {
		t.Run(fmt.Sprintf("%s %+v", test.target, test.k), func(t *testing.T) {
			t.Parallel()
			if got := gpus[test.target].occupancy(test.k); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}
