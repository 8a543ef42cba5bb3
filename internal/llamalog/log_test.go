package llamalog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loading is what a server says of a model and its draft, with levels and without.
const loading = `0.00.112.331 I llama_model_load_from_file_impl: using device Vulkan0 (AMD Radeon 8060S Graphics (RADV GFX1151)) (0000:c5:00.0) - 63487 MiB free
load_tensors: offloading output layer to GPU
load_tensors: offloaded 49/49 layers to GPU
load_tensors:      Vulkan0 model buffer size = 17425.11 MiB
` + "\x1b[32mllama_context: graph splits = 2\x1b[0m" + `
llama_model_load_from_file_impl: using device Vulkan0 (AMD Radeon 8060S Graphics (RADV GFX1151)) (0000:c5:00.0) - 40000 MiB free
load_tensors: offloaded 20/25 layers to GPU
sched_reserve: graph splits = 94 (with bs=512), 98 (with bs=1)
`

func TestFacts(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	l := New(&whole)
	for _, b := range []byte(loading) { // lines come in pieces
		if _, err := l.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	want := Facts{Devices: []string{"Vulkan0 (AMD Radeon 8060S Graphics (RADV GFX1151))"}, Offloads: []Offload{{49, 49}, {20, 25}}, Splits: []int{2, 98}}
	if diff := cmp.Diff(want, l.Facts()); diff != "" {
		t.Error(diff)
	}
	if whole.String() != loading {
		t.Errorf("the copy is %q", whole.String())
	}
}

func TestSigns(t *testing.T) {
	t.Parallel()
	read := func(lines ...string) *Log {
		l := New(nil)
		_, _ = l.Write([]byte(strings.Join(lines, "\n") + "\n"))
		return l
	}
	stuck, other := "0.01.229.887 W decode: failed to find a memory slot for batch of size 8", "x: GGML_ASSERT(a == b) failed"
	l := read(stuck, other)
	if diff := cmp.Diff([]string{"decode: failed to find a memory slot for batch of size 8", other}, l.Symptoms(nil)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{other}, l.Symptoms(read(stuck))); diff != "" {
		t.Error(diff)
	}
	if l.Symptoms(l) != nil {
		t.Error("a log differs from itself")
	}
	l = read("srv load_model: speculative decoding not supported by this context", "error: invalid argument: --x")
	if l.Refusal() == "" || l.Mistake() != "error: invalid argument: --x" || l.End() != `"error: invalid argument: --x"` {
		t.Errorf("%q, %q, %s", l.Refusal(), l.Mistake(), l.End())
	}
	if l := read("all is well"); l.Refusal()+l.Mistake() != "" || l.Symptoms(nil) != nil || l.End() != `"all is well"` {
		t.Errorf("%q, %q, %s", l.Refusal(), l.Mistake(), l.End())
	}
	if l := New(nil); l.End() != "it said nothing" {
		t.Error(l.End())
	}
}

// FuzzLog: no output makes reading fail.
func FuzzLog(f *testing.F) {
	f.Add([]byte(loading))
	f.Add([]byte("graph splits = 99999999999999999999999\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := New(nil)
		if n, err := l.Write(data); n != len(data) || err != nil {
			t.Fatal(n, err)
		}
		for _, s := range l.Facts().Splits {
			if s < 0 {
				t.Errorf("%d splits", s)
			}
		}
		_, _ = l.End(), l.Symptoms(nil)
	})
}
