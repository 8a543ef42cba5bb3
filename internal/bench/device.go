package bench

import (
	"regexp"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
)

// radvTarget is how Mesa's Vulkan driver for AMD names a GPU: "AMD Radeon 8060S Graphics (RADV GFX1151)".
var radvTarget = regexp.MustCompile(`\(RADV (GFX[0-9A-F]+)\)`)

// DeviceOf is what computed a row. targets are the GPU targets of the host: HIP names a GPU by what it is sold as, so a row of
// its backend is of the host's target where there is one only.
func DeviceOf(r *llamabench.Row, targets []string) gate.Device {
	d := gate.Device{Kind: "cpu", Name: r.CPU}
	if !r.OnGPU() {
		return d
	}
	d.Name = r.GPU
	switch m := radvTarget.FindStringSubmatch(r.GPU); {
	case m != nil:
		d.Kind = strings.ToLower(m[1])
	case strings.Contains(r.GPU, "llvmpipe"):
		d.Kind = "lavapipe"
	case strings.Contains(r.Backends, "Vulkan"):
		d.Kind = "vulkan"
	case strings.Contains(r.Backends, "ROCm") && len(targets) == 1:
		d.Kind = targets[0]
	default:
		d.Kind = strings.ToLower(r.Backends)
	}
	return d
}
