package kernels

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"strix-build/internal/codeobject"
)

// TestOccupancyIsLLVMs compares the formula and gpus.yaml with what LLVM's own compiler writes of kernels that take so many
// registers, so much LDS and workgroups of just that size. STRIX_LLC names the program, of LLVM 20 or later.
func TestOccupancyIsLLVMs(t *testing.T) {
	t.Parallel()
	llc := os.Getenv("STRIX_LLC")
	if llc == "" {
		t.Skip("STRIX_LLC names no llc")
	}
	gpus, err := loadGPUs()
	if err != nil {
		t.Fatal(err)
	}
	asked := askedOfLLVM()
	for target, g := range gpus {
		for mode, attributes := range map[string]string{
			"wave32":         "-cumode,+wavefrontsize32",
			"wave64":         "-cumode,+wavefrontsize64,-wavefrontsize32",
			"wave32 CU mode": "+cumode,+wavefrontsize32",
			"wave64 CU mode": "+cumode,+wavefrontsize64,-wavefrontsize32",
		} {
			t.Run(string(target)+" "+mode, func(t *testing.T) {
				t.Parallel()
				said := compile(t, llc, target, attributes, asked)
				for i, k := range asked {
					k.Wave, k.CUMode = 32, strings.HasSuffix(mode, "CU mode")
					if strings.HasPrefix(mode, "wave64") {
						k.Wave = 64
					}
					k.VGPRs = said[i][0] // LLVM may round up
					if got := g.occupancy(k); got != said[i][1] {
						t.Errorf("%+v: %d, LLVM says %d", k, got, said[i][1])
					}
				}
			})
		}
	}
}

func askedOfLLVM() []codeobject.Kernel {
	var out []codeobject.Kernel
	for _, vgprs := range []int{3, 24, 41, 72, 96, 97, 128, 163, 192, 240, 256} {
		for _, workgroup := range []int{32, 64, 128, 256, 640, 1024} {
			for _, lds := range []int{0, 512, 4096, 16384, 20000, 40000, 65536} {
				out = append(out, codeobject.Kernel{VGPRs: vgprs, Workgroup: workgroup, LDS: lds})
			}
		}
	}
	return out
}

var comments = regexp.MustCompile(`(?s); NumVgprs: (\d+)\n.*?; Occupancy: (\d+)\n`)

// compile returns for each kernel the registers and the occupancy that LLVM says it has.
func compile(t *testing.T, llc string, target codeobject.Target, attributes string, asked []codeobject.Kernel) [][2]int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), llc, "-mcpu="+string(target), "-mattr="+attributes, "--amdhsa-code-object-version=6", "-o", "-")
	cmd.Stdin = strings.NewReader(source(asked))
	var said, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, failed.String())
	}
	found := comments.FindAllStringSubmatch(said.String(), -1)
	if len(found) != len(asked) {
		t.Fatalf("%d kernels of %d in the output", len(found), len(asked))
	}
	out := make([][2]int, len(found))
	for i, m := range found {
		for j := range out[i] {
			out[i][j], _ = strconv.Atoi(m[j+1]) // digits
		}
	}
	return out
}

// source is LLVM IR: an empty statement that is said to overwrite a register makes a kernel have it.
func source(asked []codeobject.Kernel) string {
	var b strings.Builder
	b.WriteString("target triple = \"amdgcn-amd-amdhsa\"\n")
	for i, k := range asked {
		use := ""
		if k.LDS > 0 {
			fmt.Fprintf(&b, "@l%d = internal addrspace(3) global [%d x i8] undef\n", i, k.LDS)
			use = fmt.Sprintf("call void asm sideeffect \"; $0\", \"v\"(ptr addrspace(3) @l%d)\n", i)
		}
		fmt.Fprintf(&b, "define amdgpu_kernel void @k%d() \"amdgpu-flat-work-group-size\"=\"%[2]d,%[2]d\" \"amdgpu-waves-per-eu\"=\"1\" {\n"+
			"%scall void asm sideeffect \"\", \"~{v%d}\"()\nret void\n}\n", i, k.Workgroup, use, k.VGPRs-1)
	}
	return b.String()
}
