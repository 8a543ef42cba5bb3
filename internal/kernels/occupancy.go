package kernels

import (
	_ "embed"
	"sync"

	"strix-build/internal/codeobject"
	"strix-build/internal/strictyaml"
)

// gpu is a row of gpus.yaml; its fields are explained there.
type gpu struct {
	Targets    []string `yaml:"targets,required"`
	VGPRs      int      `yaml:"vgprs,required"`
	Granule    int      `yaml:"granule,required"`
	Waves      int      `yaml:"waves,required"`
	SIMDs      int      `yaml:"simds,required"`
	LDS        int      `yaml:"lds,required"`
	Workgroups int      `yaml:"workgroups,required"`
}

type gpuTable struct {
	GPUs []gpu `yaml:"gpus,required"`
}

//go:embed gpus.yaml
var gpusYAML []byte

var loadGPUs = sync.OnceValues(func() (map[codeobject.Target]gpu, error) {
	var t gpuTable
	problems := strictyaml.Decode("internal/kernels/gpus.yaml", gpusYAML, &t)
	out := map[codeobject.Target]gpu{}
	for _, g := range t.GPUs {
		for _, name := range g.Targets {
			out[codeobject.Target(name)] = g
		}
	}
	return out, problems.Err()
})

// occupancy is the most waves of a kernel that a SIMD holds at once, as LLVM's GCNSubtarget::computeOccupancy has it
// for workgroups of the largest size the kernel allows. It is a bound: what a launch adds to LDS is not in it. Scalar
// registers bound nothing from gfx10 on.
func (g gpu) occupancy(k codeobject.Kernel) int {
	if g.Waves == 0 {
		return 0
	}
	return min(g.byRegisters(k), g.byWorkgroup(k))
}

// byRegisters is llvm/lib/Target/AMDGPU/Utils/AMDGPUBaseInfo.cpp, getNumWavesPerEUWithNumVGPRs.
func (g gpu) byRegisters(k codeobject.Kernel) int {
	total, granule := g.VGPRs, g.Granule
	if k.Wave == 64 { // each takes the room of two
		total, granule = total/2, granule/2
	}
	if k.VGPRs < granule {
		return g.Waves
	}
	return min(max(total/(ceil(k.VGPRs, granule)*granule), 1), g.Waves)
}

// byWorkgroup is llvm/lib/Target/AMDGPU/AMDGPUSubtarget.cpp, getOccupancyWithWorkGroupSizes, for one size instead of a
// range; the limit by barriers is getMaxWorkGroupsPerCU of AMDGPUBaseInfo.cpp.
func (g gpu) byWorkgroup(k codeobject.Kernel) int {
	simds, lds, most := g.SIMDs, g.LDS, g.Workgroups
	if k.CUMode {
		simds, lds, most = simds/2, lds/2, most/2
	}
	waves := ceil(max(k.Workgroup, 1), max(k.Wave, 1))
	groups := g.Waves * simds / waves
	if waves > 1 {
		groups = min(groups, most)
	}
	groups = min(groups, lds/max(k.LDS, 1))
	return min(max(ceil(waves*groups, simds), 1), g.Waves)
}

func ceil(n, d int) int { return (n + d - 1) / d }
