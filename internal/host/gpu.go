package host

import (
	"io/fs"
	"os"
	"strconv"
)

// GPUMemory is what all programs together hold of the memory of AMD's GPUs, in bytes, that of the host which they use (GTT)
// included. false: the kernel does not say.
func GPUMemory() (int64, bool) { return gpuMemory(os.DirFS("/")) }

func gpuMemory(root fs.FS) (sum int64, ok bool) {
	for _, text := range matching(root, "sys/class/drm/card*/device/mem_info_vram_used", "sys/class/drm/card*/device/mem_info_gtt_used") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, false
		}
		sum, ok = sum+n, true
	}
	return sum, ok
}
