package build

import (
	"bufio"
	"bytes"
	"strings"
)

// Ccache counts compiler calls of one build.
type Ccache struct {
	Hits   int `json:"hits"`
	Misses int `json:"misses"`
}

// parseCcache reads a CCACHE_STATSLOG: a comment line with the file, then the counters the call raised.
func parseCcache(log []byte) *Ccache {
	var c Ccache
	for s := bufio.NewScanner(bytes.NewReader(log)); s.Scan(); {
		switch strings.TrimSpace(s.Text()) {
		case "direct_cache_hit", "preprocessed_cache_hit":
			c.Hits++
		case "cache_miss":
			c.Misses++
		}
	}
	return &c
}
