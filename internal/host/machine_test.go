package host

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnotherMachineIsReadAsThisOneIs: what the script prints of this machine is this machine.
func TestAnotherMachineIsReadAsThisOneIs(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", Script).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Here(), Parse(out)); diff != "" {
		t.Errorf("-here +by the script:\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got := Parse([]byte(strings.Join([]string{"a shell says something",
		"=sys/class/dmi/id/board_name\nFRANMFCP04\n", "=proc/meminfo\nMemTotal:       131072 kB\n", "=cpus\n32\n",
		"@sys/class/drm/card1/device/driver\n../../../../bus/pci/drivers/amdgpu\n", "=sys/module/amdgpu/version\n6.16.13\n",
		"=sys/class/drm/card1/device/mem_info_gtt_total\n113246208000\n",
		"=sys/class/kfd/kfd/topology/nodes/1/properties\nsimd_count 80\ngfx_target_version 110501\n"}, "\x00")))
	want := Machine{Targets: []string{"gfx1151"}, Facts: Facts{Board: "FRANMFCP04", Memory: 128 << 20, CPUs: 32, Driver: "amdgpu 6.16.13",
		Limits: map[string]string{"sys/class/drm/card1/device/mem_info_gtt_total": "113246208000"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00=proc/cpuinfo\nmodel name : x\n\x00@sys/class/drm/card0/device/driver\na/b\n\x00=cpus\n2\n"))
	f.Add([]byte("\x00=\n\x00@\n\x00=cpus\n99999999999999999999\n"))
	f.Fuzz(func(_ *testing.T, printed []byte) { Parse(printed) })
}
