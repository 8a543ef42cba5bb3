package prove

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"strix-build/internal/gguf"
)

// Pair is a target and the draft to prove with it.
type Pair struct {
	Model  string     // the target's name in the report
	Class  gguf.Class // of the target
	Accept float64    // the acceptance a smoke draft was made for; 0: not known
	Target string     // files, where the programs run
	Draft  string

	words []string // the target's vocabulary
}

func (p Pair) String() string { return p.Model + ", draft " + p.twin() }

// twin names the draft.
func (p Pair) twin() string {
	if p.Accept == 0 {
		return strings.TrimSuffix(filepath.Base(p.Draft), ".gguf")
	}
	return fmt.Sprintf("%g", p.Accept)
}

// Smoke writes the smoke models into dir, each with a draft for each acceptance, and returns them as pairs.
func Smoke(dir string, models []gguf.Model, accepts []float64) ([]Pair, error) {
	var out []Pair
	for _, m := range models {
		target, err := WriteSmoke(dir, m.Arch, 0)
		if err != nil {
			return nil, err
		}
		h, err := gguf.ReadFile(target)
		if err != nil {
			return nil, err
		}
		for _, a := range accepts {
			draft, err := WriteSmoke(dir, m.Arch, a)
			if err != nil {
				return nil, err
			}
			out = append(out, Pair{Model: m.Name, Class: m.Class, Accept: a, Target: target, Draft: draft, words: h.Tokens()})
		}
	}
	return out, nil
}

// WriteSmoke writes one smoke model, or its draft of an acceptance, and returns its path; nobody else looks into dir.
func WriteSmoke(dir, arch string, accept float64) (string, error) {
	data, err := gguf.Bytes(arch, accept)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, gguf.FileName(arch, accept))
	return path, os.WriteFile(path, data, 0o644)
}

// NewPair makes a pair of two files with these headers, and refuses one that cannot be proved.
func NewPair(target, draft string, t, d *gguf.Header) (Pair, error) {
	if err := sameWords(t, d); err != nil {
		return Pair{}, fmt.Errorf("draft %q: %w", draft, err)
	}
	if d.Params() > t.Params() {
		return Pair{}, fmt.Errorf("draft %q has %d parameters, more than the target's %d", draft, d.Params(), t.Params())
	}
	name := strings.TrimSuffix(filepath.Base(target), ".gguf")
	return Pair{Model: name, Class: t.Class(), Target: target, Draft: draft, words: t.Tokens()}, nil
}

// maxStrayTokens is how many tokens a draft's vocabulary may have more or less: llama.cpp's own limit, for padding.
const maxStrayTokens = 128

// firstChecked are the special tokens at the beginning, which llama.cpp does not compare either.
const firstChecked = 5

func sameWords(target, draft *gguf.Header) error {
	t, d := target.Tokens(), draft.Tokens()
	if a, b := modelOf(target), modelOf(draft); a != b {
		return fmt.Errorf("its tokenizer is %q, the target's %q", b, a)
	}
	if n := len(d) - len(t); n > maxStrayTokens || n < -maxStrayTokens {
		return fmt.Errorf("its vocabulary has %d tokens, the target's %d", len(d), len(t))
	}
	for i := firstChecked; i < min(len(t), len(d)); i++ {
		if t[i] != d[i] {
			return fmt.Errorf("another vocabulary: token %d is %q, the target's %q", i, d[i], t[i])
		}
	}
	return nil
}

func modelOf(h *gguf.Header) string {
	s, _ := h.String("tokenizer.ggml.model")
	return s
}
