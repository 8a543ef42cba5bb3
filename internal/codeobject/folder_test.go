package codeobject

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder writes files (name to content; a content that begins with "->" makes a link) below a new root.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, "lib", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func names(t *testing.T, root string) []string {
	t.Helper()
	members, err := readFolder(filepath.Join(root, "lib"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range members {
		out = append(out, m.path)
	}
	return out
}

func TestCutTreeCutsFolders(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"Kernels.so-000-gfx1151.hsaco":       "strix",
		"Kernels.so-000-gfx1100.hsaco":       "navi31",
		"Kernels.so-000-gfx90a-xnack+.hsaco": "aldebaran",
		"TensileLibrary_lazy_gfx1151.dat":    "index",
		"TensileLibrary_fallback.dat":        "every GPU's",
		"TensileLibrary_lazy_gfx115.dat":     "another GPU's, though its name begins alike",
		"gfx1200/kernel.co":                  "in a folder of its own",
		"gfx1151/kernel.co":                  "in a folder too",
		"latest_gfx1151.dat":                 "->TensileLibrary_lazy_gfx1151.dat",
		"latest_gfx1100.dat":                 "->Kernels.so-000-gfx1100.hsaco",
	})
	var lines []string
	report, err := CutTree(t.Context(), root, []string{"lib"}, []string{"gfx1151"}, func(l string) { lines = append(lines, l) })
	if err != nil {
		t.Fatal(err)
	}
	left := []string{
		"Kernels.so-000-gfx1151.hsaco", "TensileLibrary_fallback.dat", "TensileLibrary_lazy_gfx1151.dat", "gfx1151/kernel.co", "latest_gfx1151.dat",
	}
	if diff := cmp.Diff(left, names(t, root)); diff != "" {
		t.Error(diff)
	}
	digest := func(content string) string { return (Object{Data: []byte(content)}).SHA256() }
	object := func(name, content string) CodeObject {
		return CodeObject{Name: name, Target: "gfx1151", Size: int64(len(content)), Before: digest(content), Written: digest(content)}
	}
	want := []File{{
		Path: "lib", Kind: KindFolder, Before: 116, After: 36, Kept: 5, Dropped: 5,
		TargetsBefore: []Target{"gfx1100", "gfx115", "gfx1151", "gfx1200", "gfx90a"}, TargetsAfter: []Target{"gfx1151"},
		Objects: []CodeObject{
			object("Kernels.so-000-gfx1151.hsaco", "strix"),
			object("TensileLibrary_lazy_gfx1151.dat", "index"),
			object("gfx1151/kernel.co", "in a folder too"),
		},
	}}
	if diff := cmp.Diff(want, report.Files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"lib: 0.0 MB to 0.0 MB, 5 of 10 files kept (gfx1151)"}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestCutTreeRefusesFolders(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing for the target": {
			map[string]string{"a_gfx1100.co": "x", "b_gfx90a.co": "y", "c.dat": "z"},
			"cut lib: holds no code for gfx1151; it has code for gfx1100, gfx90a",
		},
		"a kept link to a dropped file": {
			map[string]string{"a_gfx1151.co": "->a_gfx1100.co", "a_gfx1100.co": "x"},
			`link "a_gfx1151.co" leads to "a_gfx1100.co"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := folder(t, test.files)
			_, err := CutTree(t.Context(), root, []string{"lib"}, []string{"gfx1151"}, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(test.files)), names(t, root)); diff != "" {
				t.Errorf("the folder was changed: %s", diff)
			}
		})
	}
}

func TestCutTreeLeavesFoldersWithoutGPUNames(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"a.dat": "x", "b.dat": "y"})
	report, err := CutTree(t.Context(), root, []string{"lib"}, []string{"gfx1151"}, nil)
	if err != nil || report.Files[0].Kept != 2 || len(names(t, root)) != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}
