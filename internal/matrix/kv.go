package matrix

import (
	"fmt"
	"slices"
	"strings"
)

// KV are the types of the KV cache.
type KV struct {
	K string `json:"k"`
	V string `json:"v"`
}

// kvTypes are those that llama.cpp takes for its cache (common/arg.cpp, kv_cache_types), besides those that nobody uses.
var kvTypes = []string{"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"}

// ParseKV reads a type for both, or two as K/V.
func ParseKV(text string) (KV, error) {
	k, v, two := strings.Cut(text, "/")
	if !two {
		v = k
	}
	for _, t := range []string{k, v} {
		if !slices.Contains(kvTypes, t) {
			return KV{}, fmt.Errorf("%q is no type of a KV cache; there are %s, and two of them as q8_0/q4_0", t, strings.Join(kvTypes, ", "))
		}
	}
	return KV{k, v}, nil
}

// String is what [ParseKV] reads.
func (kv KV) String() string {
	if kv.Asymmetric() {
		return kv.K + "/" + kv.V
	}
	return kv.K
}

// Asymmetric reports whether keys and values have two types.
func (kv KV) Asymmetric() bool { return kv.K != kv.V }

// NeedsFlashAttention reports whether llama.cpp computes with such values in flash attention only.
func (kv KV) NeedsFlashAttention() bool { return !strings.HasSuffix(kv.V, "f16") && kv.V != "f32" }
