package host

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestFactsOfAStrixHalo(t *testing.T) {
	t.Parallel()
	got := read(fstest.MapFS{
		"sys/class/dmi/id/board_vendor":                        file("Framework\n"),
		"sys/class/dmi/id/board_name":                          file("FRANMFCP04\n"),
		"sys/class/dmi/id/bios_version":                        file("03.02\n"),
		"proc/cpuinfo":                                         file("processor\t: 0\nmodel name\t: AMD RYZEN AI MAX+ 395 w/ Radeon 8060S\n"),
		"proc/meminfo":                                         file("MemTotal:       131072 kB\n"),
		"proc/sys/kernel/osrelease":                            file("6.18.4\n"),
		"sys/module/amdgpu/version":                            file("6.16.13\n"),
		"sys/module/ttm/parameters/pages_limit":                file("27648000\n"),
		"sys/class/drm/card1/device/driver":                    &fstest.MapFile{Data: []byte("../../../../bus/pci/drivers/amdgpu"), Mode: fs.ModeSymlink | 0o777},
		"sys/class/drm/card1/device/mem_info_gtt_total":        file("113246208000\n"),
		"sys/class/drm/card1/device/fw_version/mec_fw_version": file("0x0000001f\n"),
		"sys/firmware/acpi/platform_profile":                   file("performance\n"),
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": file("powersave\n"),
	})
	want := Facts{Board: "Framework FRANMFCP04", BIOS: "03.02", CPU: "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", Memory: 128 << 20,
		Kernel: "6.18.4", Driver: "amdgpu 6.16.13",
		Firmware: map[string]string{"sys/class/drm/card1/device/fw_version/mec_fw_version": "0x0000001f"},
		Limits:   map[string]string{"sys/module/ttm/parameters/pages_limit": "27648000", "sys/class/drm/card1/device/mem_info_gtt_total": "113246208000"},
		Power:    map[string]string{"sys/firmware/acpi/platform_profile": "performance", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFactsOfAMachineThatSaysNothing(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Facts{}, read(fstest.MapFS{})); diff != "" {
		t.Error(diff)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	node := "sys/class/kfd/kfd/topology/nodes/"
	got := targets(fstest.MapFS{
		node + "0/properties": file("cpu_cores_count 32\ngfx_target_version 0\n"),
		node + "1/properties": file("simd_count 80\ngfx_target_version 110501\n"),
		node + "2/properties": file("gfx_target_version 90010\n"),
		node + "3/properties": file("gfx_target_version 110501\n"),
	})
	if diff := cmp.Diff([]string{"gfx1151", "gfx90a"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	got, err := ParseBusy("cpu  100 20 3 9999 50 6 7 8 100 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if want := 1360 * time.Millisecond; err != nil || got != want {
		t.Errorf("%s, %v, want %s: user, nice, system, irq and softirq", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2\n", "cpu a b c d e f g h\n"} {
		if _, err := ParseBusy(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	if _, err := Busy(); err != nil {
		t.Error(err)
	}
}
