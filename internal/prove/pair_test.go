package prove

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/gguf"
)

// pairFiles writes models into a folder of the test.
func pairFiles(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, arch := range names {
		if _, err := WriteSmoke(dir, arch, 0); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNewPair(t *testing.T) {
	t.Parallel()
	dir := pairFiles(t, "llama", "qwen35", "qwen3moe")
	file := func(name string) string { return filepath.Join(dir, name) }
	spoil(t, file("llama.gguf"), file("words.gguf"), func(b []byte) []byte {
		return []byte(strings.Replace(string(b), "<|im_end|>", "<|im_END|>", 1))
	})
	spoil(t, file("llama.gguf"), file("short.gguf"), func(b []byte) []byte { return b[:len(b)-100] })
	for name, c := range map[string]struct{ target, draft, want string }{
		"another vocabulary": {"qwen35.gguf", "words.gguf", `another vocabulary: token 98 is "<|im_END|>", the target's "<|im_end|>"`},
		"swapped":            {"llama.gguf", "qwen35.gguf", "more than the target's"},
		"truncated draft":    {"qwen35.gguf", "short.gguf", "truncated"},
		"truncated target":   {"short.gguf", "llama.gguf", "truncated"},
		"no such file":       {"qwen35.gguf", "none.gguf", "no such file"},
	} {
		if _, err := pairOf(file(c.target), file(c.draft)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	for target, class := range map[string]gguf.Class{"qwen35": gguf.Hybrid, "qwen3moe": gguf.MoE, "llama": gguf.Dense} {
		p, err := pairOf(file(target+".gguf"), file("llama.gguf"))
		if err != nil || p.Class != class || p.String() != target+", draft llama" {
			t.Errorf("%s: %+v, %v", target, p, err)
		}
	}
}

func pairOf(target, draft string) (Pair, error) {
	t, err := gguf.ReadFile(target)
	if err != nil {
		return Pair{}, err
	}
	d, err := gguf.ReadFile(draft)
	if err != nil {
		return Pair{}, err
	}
	return NewPair(target, draft, t, d)
}

func spoil(t *testing.T, from, to string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
}
