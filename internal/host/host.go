// Package host reads what a Linux machine says of itself: the board, what is installed for its GPU, how its power is managed,
// and how busy it is.
//
// It changes nothing, and takes what is missing for unknown, not for wrong: containers and virtual machines hide much of it.
package host

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts are what a machine is, as far as it tells. Empty: it does not.
type Facts struct {
	Board, BIOS string
	CPU         string
	CPUs        int
	Memory      int64 // bytes
	Kernel      string
	Driver      string            // of the GPU: the kernel's module and version
	Firmware    map[string]string // of the GPU, by part: version
	Limits      map[string]string // of what the GPU may use of memory
	Power       map[string]string // governors, profiles, levels
}

// The files that facts are in, below the root.
const (
	cpuFile    = "proc/cpuinfo"
	memoryFile = "proc/meminfo"
	kernelFile = "proc/sys/kernel/osrelease"
	driverLink = "sys/class/drm/card*/device/driver"
	nvidiaFile = "proc/driver/nvidia/version" // of a driver that has no display
	targetFile = "sys/class/kfd/kfd/topology/nodes/*/properties"
)

var (
	boardFiles = []string{"sys/class/dmi/id/board_vendor", "sys/class/dmi/id/board_name"}
	biosFiles  = []string{"sys/class/dmi/id/bios_version", "sys/class/dmi/id/bios_date"}
	limitFiles = []string{"sys/module/ttm/parameters/pages_limit", "sys/module/ttm/parameters/page_pool_size",
		"sys/module/amdgpu/parameters/gttsize", "sys/class/drm/card*/device/mem_info_vram_total", "sys/class/drm/card*/device/mem_info_gtt_total"}
	powerFiles = []string{"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference",
		"sys/firmware/acpi/platform_profile", "sys/class/drm/card*/device/power_dpm_force_performance_level"}
	firmwareFiles = []string{"sys/class/drm/card*/device/fw_version/*"}
)

// Read reads this machine's.
func Read() Facts {
	f := read(os.DirFS("/"))
	f.CPUs = runtime.NumCPU()
	return f
}

// read takes the root as a file system, so that it can be another machine's.
func read(root fs.FS) Facts {
	return Facts{
		Board: line(root, boardFiles...), BIOS: line(root, biosFiles...),
		CPU: field(root, cpuFile, "model name"), Memory: kibibytes(field(root, memoryFile, "MemTotal")),
		Kernel: line(root, kernelFile), Driver: driver(root),
		Limits: matching(root, limitFiles...), Power: matching(root, powerFiles...), Firmware: matching(root, firmwareFiles...),
	}
}

// line is the first line of each file that is there, joined.
func line(root fs.FS, names ...string) string {
	var out []string
	for _, name := range names {
		data, err := fs.ReadFile(root, name)
		if text, _, _ := strings.Cut(string(data), "\n"); err == nil && strings.TrimSpace(text) != "" {
			out = append(out, strings.TrimSpace(text))
		}
	}
	return strings.Join(out, " ")
}

// field is the value of the first "key : value" line.
func field(root fs.FS, name, key string) string {
	data, _ := fs.ReadFile(root, name)
	for l := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func kibibytes(text string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	return n << 10
}

// matching are the contents of files by their path below /sys or /proc; nil where there is none.
func matching(root fs.FS, patterns ...string) map[string]string {
	var out map[string]string
	for _, p := range patterns {
		names, _ := fs.Glob(root, p)
		for _, name := range names {
			if text := line(root, name); text != "" {
				if out == nil {
					out = map[string]string{}
				}
				out[name] = text
			}
		}
	}
	return out
}

// driver are the kernel modules of the GPUs, each with its version where it has one of its own.
func driver(root fs.FS) string {
	var out []string
	links, _ := fs.Glob(root, driverLink)
	for _, name := range links {
		target, err := fs.ReadLink(root, name)
		if err != nil {
			continue
		}
		module := path.Base(target)
		module = strings.TrimSpace(module + " " + line(root, path.Join("sys/module", module, "version")))
		if !slices.Contains(out, module) {
			out = append(out, module)
		}
	}
	if len(out) == 0 {
		return line(root, nvidiaFile)
	}
	return strings.Join(out, ", ")
}

// ResetPeak makes [Peak] count from now on, where the kernel can (clear_refs of proc(5)).
func ResetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// Peak is the most memory that this process has held, in bytes; 0: not known.
func Peak() int64 { return kibibytes(field(os.DirFS("/"), "proc/self/status", "VmHWM")) }

// Busy is how long the machine's processors have worked since it started, those of guests included in their host's user
// time.
func Busy() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return ParseBusy(string(data))
}

// tick is the unit of /proc/stat: a hundredth of a second on every architecture that Linux offers programs (USER_HZ).
const tick = 10 * time.Millisecond

// ParseBusy takes [Busy] out of what /proc/stat says: user, nice, system, irq and softirq of the line for all processors
// (proc_stat(5)).
func ParseBusy(stat string) (time.Duration, error) {
	lines := bufio.NewScanner(strings.NewReader(stat))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[0] != "cpu" {
			continue
		}
		var sum int64
		for _, i := range []int{1, 2, 3, 6, 7} {
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/stat: %w", err)
			}
			sum += n
		}
		return time.Duration(sum) * tick, nil
	}
	return 0, fmt.Errorf("/proc/stat: no line for all processors")
}

// Targets are the GPU targets that the kernel's compute driver (kfd) offers, e.g. gfx1151, each once.
func Targets() []string { return targets(os.DirFS("/")) }

func targets(root fs.FS) []string {
	var out []string
	nodes, _ := fs.Glob(root, targetFile)
	for _, name := range nodes {
		data, _ := fs.ReadFile(root, name)
		for l := range strings.Lines(string(data)) {
			version, ok := strings.CutPrefix(strings.TrimSpace(l), "gfx_target_version ")
			if n, err := strconv.Atoi(version); ok && err == nil && n > 0 {
				out = append(out, target(n))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// target names a GPU by kfd's number for it, of two decimal digits each: 110501 is gfx1151, 90010 is gfx90a.
func target(n int) string { return fmt.Sprintf("gfx%d%x%x", n/10000, n/100%100, n%100) }
