package kernels

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/codeobject"
	"strix-build/internal/codeobject/codeobjecttest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// setOf is the kernels of a library that a text describes.
func setOf(t testing.TB, text string) *Set {
	t.Helper()
	data, err := codeobjecttest.Library(text)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := codeobject.Modules(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	s := new(Set)
	if err := s.Add(new(Names), "/usr/lib/libggml-hip.so.0.9.8", int64(len(data)), modules); err != nil {
		t.Fatal(err)
	}
	return s
}

func setIn(t testing.TB, file string) *Set {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return setOf(t, string(text))
}

// TestReport: what people and programs see of one image, and of two.
func TestReport(t *testing.T) {
	t.Parallel()
	base, now := setIn(t, "base.txt"), setIn(t, "now.txt")
	for name, r := range map[string]*Report{"alone": NewReport("gfx1151", nil, now), "compared": NewReport("gfx1151", base, now)} {
		var text bytes.Buffer
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		doc, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".out", text.Bytes())
		golden(t, name+".json", append(doc, '\n'))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestTextIsCutShort: a list of hundreds says nothing to people.
func TestTextIsCutShort(t *testing.T) {
	t.Parallel()
	base, now := "gfx1151\n", "gfx1151\n"
	for i := range 25 {
		name := "kernel_" + string(rune('a'+i))
		base, now = base+name+"\n", now+name+" spills=1\n"
	}
	var text bytes.Buffer
	if err := NewReport("", setOf(t, base), setOf(t, now)).Text(&text); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); !strings.Contains(got, "and 5 more") || strings.Contains(got, "not for") {
		t.Error(got)
	}
}

func TestCompareMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, base, now string
		want            [5]int // same, changed, worse, added, removed
	}{
		{"equal", "k\nl", "l\nk", [5]int{2, 0, 0, 0, 0}},
		{"another parameter", "_Z1kIiEvPf", "_Z1kIiEvPfi", [5]int{1, 0, 0, 0, 0}},
		{"another argument", "_Z1kILi1EEvPf", "_Z1kILi2EEvPf", [5]int{0, 0, 0, 1, 1}},
		{"overloads", "_Z1kPf vgprs=1\n_Z1kPi vgprs=2", "_Z1kPi vgprs=2\n_Z1kPf vgprs=1", [5]int{2, 0, 0, 0, 0}},
		{"one of two", "k\nk", "k", [5]int{1, 0, 0, 0, 1}},
		{"better", "k spills=4", "k", [5]int{0, 1, 0, 0, 0}},
		{"worse", "k", "k scratch=4", [5]int{0, 1, 1, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := Compare(setOf(t, "gfx1151\n"+test.base), setOf(t, "gfx1151\n"+test.now))
			if got := [5]int{d.Same, len(d.Changed), len(d.Worse), len(d.Added), len(d.Removed)}; got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestCompareKeepsTargetsApart(t *testing.T) {
	t.Parallel()
	d := Compare(setOf(t, "gfx1151\nk\n\ngfx1100\nk"), setOf(t, "gfx1151\nk"))
	if d.Same != 1 || len(d.Removed) != 1 || d.Removed[0].Target != "gfx1100" {
		t.Errorf("%+v", d)
	}
}

func TestWorse(t *testing.T) {
	t.Parallel()
	base := Kernel{Kernel: codeobject.Kernel{VGPRs: 96, LDS: 1024, Workgroup: 256}, Occupancy: 16}
	for _, test := range []struct {
		name   string
		change func(*Kernel)
		want   string
	}{
		{"nothing", func(*Kernel) {}, ""},
		{"more registers and LDS, as many waves", func(k *Kernel) { k.VGPRs, k.SGPRs, k.LDS = 97, 100, 4096 }, ""},
		{"a smaller workgroup", func(k *Kernel) { k.Workgroup = 128 }, ""},
		{"fewer waves", func(k *Kernel) { k.Occupancy = 12 }, "occupancy 16 → 12"},
		{"all", func(k *Kernel) {
			k.VGPRSpills, k.SGPRSpills, k.Scratch, k.DynamicStack, k.Occupancy = 3, 2, 12, true, 5
		}, "VGPR spills 0 → 3, scratch 0 → 12, occupancy 16 → 5, SGPR spills 0 → 2, dynamic stack 0 → 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := base
			test.change(&now)
			var words []string
			for _, l := range Worse(base, now) {
				words = append(words, l.String())
			}
			if got := strings.Join(words, ", "); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if back := Worse(now, base); len(back) != 0 {
				t.Errorf("the way back is worse too: %v", back)
			}
		})
	}
}

func TestWorstComesFirst(t *testing.T) {
	t.Parallel()
	base := "gfx1151\na vgprs=96\nb vgprs=96\nc vgprs=96\nd vgprs=96\ne vgprs=96"
	now := "gfx1151\na vgprs=97\nb vgprs=96 scratch=4\nc vgprs=250\nd vgprs=96 spills=1\ne vgprs=96 spills=2"
	var got []string
	for _, p := range Compare(setOf(t, base), setOf(t, now)).Worse {
		got = append(got, p.Now.Text)
	}
	if want := []string{"e", "d", "b", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
