package buildkit

import (
	"encoding/json"
	"fmt"
)

// DefaultCacheBytes is what the own daemon's cache may hold: a ROCm toolchain, its
// builds and the compiler cache take about 15 GB a track, and a few tracks should fit.
const DefaultCacheBytes = 60 << 30

const (
	// keepBytes is never trimmed: less than this and each build starts from nothing.
	keepBytes = 10 << 30
	// freeBytes is what trimming tries to leave free on the disk.
	freeBytes = 5 << 30
)

// config is the text of buildkitd.toml. The policies replace BuildKit's own, whose
// first one empties cache mounts after two days: that would lose the compiler
// cache between weekly builds.
func config(root, socket, otel string, cacheBytes int64, rootless bool) []byte {
	if cacheBytes <= 0 {
		cacheBytes = DefaultCacheBytes
	}
	return fmt.Appendf(nil, `# Written by strix-build at each start of its daemon.
root = %s
insecure-entitlements = ["network.host"]

[grpc]
  address = [%s]

[otel]
  socketPath = %s

[worker.containerd]
  enabled = false

[worker.oci]
  enabled = true
  rootless = %t
  networkMode = "host"
  gc = true

  [[worker.oci.gcpolicy]]
    filters = ["type==source.local", "type==source.git.checkout"]
    keepDuration = "48h"
    maxUsedSpace = "2GB"

  [[worker.oci.gcpolicy]]
    all = true
    reservedSpace = "%d"
    maxUsedSpace = "%d"
    minFreeSpace = "%d"
`, quote(root), quote("unix://"+socket), quote(otel), rootless, min(keepBytes, cacheBytes), cacheBytes, freeBytes)
}

// quote writes a TOML string; JSON's are a subset of TOML's.
func quote(s string) string {
	out, _ := json.Marshal(s) // a string always marshals
	return string(out)
}
