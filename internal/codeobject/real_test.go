package codeobject

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// realGlobs are what containers name as gpu-libraries on Debian.
var realGlobs = []string{
	"usr/lib/*/librocblas.so.*",
	"usr/lib/*/librocsolver.so.*",
	"usr/lib/*/rocblas/*/library",
}

// TestCutRealLibraries cuts a distribution's own ROCm libraries. STRIX_ROCM_ROOT names a root file system that has them;
// STRIX_CUT_DIR a folder to leave the result and its report in.
func TestCutRealLibraries(t *testing.T) {
	root := os.Getenv("STRIX_ROCM_ROOT")
	if root == "" {
		t.Skip("STRIX_ROCM_ROOT names no root file system with ROCm libraries")
	}
	dir := os.Getenv("STRIX_CUT_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	for _, glob := range realGlobs {
		copyGlob(t, root, dir, glob)
	}
	report, err := CutTree(t.Context(), dir, realGlobs, []string{"gfx1151"}, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Files {
		if f.After*2 > f.Before {
			t.Errorf("%s: %d bytes of %d are left", f.Path, f.After, f.Before)
		}
		if !slices.Equal(f.TargetsAfter, []Target{"gfx1151"}) {
			t.Errorf("%s: targets left: %v", f.Path, f.TargetsAfter)
		}
		for _, o := range f.Objects {
			if o.Before != o.Written {
				t.Errorf("%s: %+v differs", f.Path, o)
			}
		}
	}
	data, err := report.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyGlob(t *testing.T, root, dir, glob string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, glob))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v %v", glob, found, err)
	}
	for _, from := range found {
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			copyFile(t, path, filepath.Join(dir, rel))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.ReadFrom(in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
