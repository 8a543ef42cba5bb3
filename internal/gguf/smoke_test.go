package gguf

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestModelsAreTheSameBytes pins every model and draft: results of an acceptance test are compared over months and
// machines, so a change here means that the table of drafts and what docs/smoke-models.md measured are to be made again.
func TestModelsAreTheSameBytes(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, m := range Models() {
		for _, accept := range append([]float64{0}, Accepts()...) {
			data, err := Bytes(m.Arch, accept)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%x  %s %g\n", sha256.Sum256(data), m.Arch, accept)
		}
	}
	const golden = "testdata/models.sha256"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("models changed (-want +got):\n%s", diff)
	}
}

// TestAngles compares with the mathematics library.
func TestAngles(t *testing.T) {
	t.Parallel()
	for n := range 3 * modulus {
		x := 2 * math.Pi * float64(n) / modulus
		c, s := turn(n, modulus)
		if math.Abs(float64(c)-math.Cos(x)) > 2e-7 || math.Abs(float64(s)-math.Sin(x)) > 2e-7 {
			t.Errorf("%d/%d of a turn is %g, %g", n, modulus, c, s)
		}
	}
}

// TestCodesAreApart: the docs promise 8 for equal numbers and at most 2.19 for others.
func TestCodesAreApart(t *testing.T) {
	t.Parallel()
	zero := code(0)
	for n := range modulus {
		var product float32
		for i, v := range code(n) {
			product += v * zero[i]
		}
		if n == 0 && product != 8 || n > 0 && product > 2.19 {
			t.Errorf("0 and %d: %g", n, product)
		}
	}
}

// TestModelsReadBack: what a server asks of a file is there, and the reader agrees with the writer.
func TestModelsReadBack(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		data, err := Bytes(m.Arch, 0)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(data))
		h, err := Read(bytes.NewReader(data), size)
		if err != nil {
			t.Fatal(err)
		}
		if h.Architecture() != m.Arch || h.Hybrid() != (m.Class == Hybrid) || len(h.Tokens()) != 99 {
			t.Errorf("%s: architecture %q, hybrid %t, %d tokens", m.Name, h.Architecture(), h.Hybrid(), len(h.Tokens()))
		}
		if size > 6e6 || size < int64(4*h.Params()) {
			t.Errorf("%s: %d parameters in %d bytes", m.Name, h.Params(), size)
		}
		if _, experts := h.Uint(m.Arch + ".expert_count"); experts != strings.Contains(m.Arch, "moe") && m.Arch != "qwen3next" {
			t.Errorf("%s: experts %t", m.Name, experts)
		}
	}
}

// TestDraftsDifferEverywhere: a draft that had its target's recurrent layers would not test what they keep.
func TestDraftsDifferEverywhere(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		target, draft := read(t, m.Arch, 0), read(t, m.Arch, 0.95)
		for i, tensor := range target.header.Tensors {
			same := bytes.Equal(target.data(i), draft.data(i))
			if vector := len(tensor.Dims) == 1; same != vector {
				t.Errorf("%s %s: equal in draft: %t", m.Arch, tensor.Name, same)
			}
		}
	}
}

type whole struct {
	header *Header
	bytes  []byte
}

func read(t *testing.T, arch string, accept float64) whole {
	t.Helper()
	data, err := Bytes(arch, accept)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return whole{h, data}
}

func (w whole) data(i int) []byte {
	tensor := w.header.Tensors[i]
	n, _ := tensor.bytes()
	return w.bytes[w.header.Data+tensor.Offset:][:n]
}

// TestVocabularyIsJSON: a server that streams half a character ends a test, so no token is one.
func TestVocabularyIsJSON(t *testing.T) {
	t.Parallel()
	for i, token := range vocabulary[:modulus] {
		if i == 0 {
			token = strings.ReplaceAll(token, "\u0120", " ")
		}
		if len(token) != 1 || token[0] != byte(' '+i) {
			t.Errorf("token %d is %q", i, token)
		}
	}
}

func TestWhatThereIsNot(t *testing.T) {
	t.Parallel()
	if _, err := Bytes("gpt2", 0); err == nil || err.Error() != `no smoke model "gpt2"; there are llama, qwen3moe, qwen35, qwen35moe, qwen3next` {
		t.Errorf("gpt2: %v", err)
	}
	if _, err := Bytes("llama", 0.7); err == nil || err.Error() != `no draft of "llama" with acceptance "0.7"; there are 0.5, 0.8, 0.95` {
		t.Errorf("0.7: %v", err)
	}
}
