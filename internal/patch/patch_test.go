package patch

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// shown is what a user sees of an error.
func shown(t *testing.T, err error) []byte {
	t.Helper()
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *diag.Error", err)
	}
	var b bytes.Buffer
	e.Print(&b)
	return b.Bytes()
}

const onePatch = "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,1 +1,1 @@\n-x\n+y\n"

// project is a project with one set, "tiles", made of the given patchset.yaml and a series b10.
func project(t *testing.T, set string) fstest.MapFS {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "set", set))
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"patches/tiles/patchset.yaml":         {Data: data},
		"patches/tiles/b10/0002-second.patch": {Data: []byte(strings.ReplaceAll(onePatch, "a.c", "b.c"))},
		"patches/tiles/b10/0001-first.patch":  {Data: []byte("Subject: first\n\n" + onePatch + "-- \n2.39.5\n")},
		"patches/tiles/b10/README":            {Data: []byte("not a patch")},
	}
}

func TestLoadSetReportsEveryProblem(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"variants", "truncated", "windows", "clashes", "kernels"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadSet(project(t, name+".yaml"), "tiles")
			golden(t, "testdata/set/"+name+".out", shown(t, err))
		})
	}
}

func TestLoadSetNamesTheSetsThereAre(t *testing.T) {
	t.Parallel()
	_, err := LoadSet(project(t, "good.yaml"), "tile")
	if want := `unknown patch set "tile"; did you mean "tiles"? there are tiles`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("is not fs.ErrNotExist")
	}
	if _, err := LoadSet(fstest.MapFS{}, "tiles"); err == nil || !strings.Contains(err.Error(), "this project has none") {
		t.Errorf("got %v", err)
	}
}

func TestVariantIsChosenByBuild(t *testing.T) {
	t.Parallel()
	set, err := LoadSet(project(t, "good.yaml"), "tiles")
	if err != nil {
		t.Fatal(err)
	}
	for b, series := range map[version.Build]string{10: "b10", 19: "b10", 20: "", 29: ""} {
		v, err := set.Variant(b)
		if err != nil || v.Series.Value != series || (v.Pull == nil) != (series != "") {
			t.Errorf("%s: %+v, %v", b, v, err)
		}
	}
	for _, b := range []version.Build{9, 30} {
		_, err := set.Variant(b)
		want := `patches/tiles/patchset.yaml:1:1: patch set "tiles" has no variant for ` + b.String() +
			`; there are ">=b10 <b20", ">=b20 <b30"`
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestReadSeriesIsOrderedAndNormalised(t *testing.T) {
	t.Parallel()
	fsys := project(t, "good.yaml")
	set, err := LoadSet(fsys, "tiles")
	if err != nil {
		t.Fatal(err)
	}
	files, err := ReadSeries(fsys, set, &set.Variants[0])
	if err != nil {
		t.Fatal(err)
	}
	pos := diag.Pos{File: "patches/tiles/patchset.yaml", Line: 6, Col: 5}
	want := []File{
		{Name: "tiles/0001-first.patch", Data: []byte(onePatch), Pos: pos},
		{Name: "tiles/0002-second.patch", Data: []byte(strings.ReplaceAll(onePatch, "a.c", "b.c")), Pos: pos},
	}
	if d := cmp.Diff(want, files); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if a, b := Digest(files), Digest([]File{files[1], files[0]}); a == b || len(a) != 64 {
		t.Errorf("digests %s and %s do not tell the order", a, b)
	}
}

func TestReadSeriesReportsAllFiles(t *testing.T) {
	t.Parallel()
	fsys := project(t, "good.yaml")
	set, err := LoadSet(fsys, "tiles")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSeries(fsys, set, &set.Variants[1]); err == nil || !strings.Contains(err.Error(), "pull request") {
		t.Errorf("a pull request was read as a series: %v", err)
	}
	fsys["patches/tiles/b10/0002-second.patch"] = &fstest.MapFile{Data: []byte("nothing")}
	fsys["patches/tiles/b10/0003-third.patch"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(onePatch, "a.c", "../c"))}
	_, err = ReadSeries(fsys, set, &set.Variants[0])
	golden(t, "testdata/set/series.out", shown(t, err))
	fsys["patches/tiles/b10/more.patch"] = &fstest.MapFile{}
	fsys["patches/tiles/b10/series"] = &fstest.MapFile{}
	_, err = ReadSeries(fsys, set, &set.Variants[0])
	golden(t, "testdata/set/unnumbered.out", shown(t, err))
}

func TestReadSeriesMissesFiles(t *testing.T) {
	t.Parallel()
	fsys := project(t, "good.yaml")
	set, err := LoadSet(fsys, "tiles")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0004-fourth.patch", "0004-another.patch", "0009-ninth.patch"} {
		fsys["patches/tiles/b10/"+name] = fsys["patches/tiles/b10/0001-first.patch"]
	}
	_, err = ReadSeries(fsys, set, &set.Variants[0])
	golden(t, "testdata/set/numbers.out", shown(t, err))
	for name := range fsys {
		if strings.HasSuffix(name, ".patch") {
			delete(fsys, name)
		}
	}
	_, err = ReadSeries(fsys, set, &set.Variants[0])
	golden(t, "testdata/set/no-files.out", shown(t, err))
}

// A patch is a plain file of a size that a patch has; what is not is never read.
func TestReadSeriesReadsPlainFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, project(t, "good.yaml")); err != nil {
		t.Fatal(err)
	}
	fsys := os.DirFS(dir)
	set, err := LoadSet(fsys, "tiles")
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	file := filepath.Join(dir, "patches/tiles/b10/0003-third.patch")
	write := func(name string, size int64) error {
		return errors.Join(os.WriteFile(name, []byte(onePatch), 0o600), os.Truncate(name, size))
	}
	for want, put := range map[string]func() error{
		"0003-third.patch: a patch must be a plain file, not a symbolic link": func() error {
			return errors.Join(write(outside, int64(len(onePatch))), os.Symlink(outside, file))
		},
		"0003-third.patch: the patch has 90 MiB; 8 are the most": func() error { return write(file, 90<<20) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSeries(fsys, set, &set.Variants[0]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewFile("x", append([]byte(onePatch), make([]byte, maxSize)...), diag.Pos{}); err == nil || !strings.Contains(err.Error(), "8 are the most") {
		t.Errorf("a diff that is no file: %v", err)
	}
}
