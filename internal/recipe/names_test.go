package recipe

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

func TestNames(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"recipes/rocm.yaml": {}, "recipes/cpu.yaml": {}, "recipes/flags.yaml": {}, "recipes/advisories.yaml": {},
		"recipes/tracks.yaml":      {},
		"recipes/stable.lock.yaml": {}, "recipes/notes.txt": {}, "recipes/.hidden.yaml": {}, "recipes/old.yaml/x": {},
		"containers/debian.yaml": {}, "containers/files/x.yaml": {},
	}
	recipes, err := Recipes(fsys)
	if diff := cmp.Diff([]string{"cpu", "rocm"}, recipes); diff != "" || err != nil {
		t.Error(err, diff)
	}
	containers, err := Containers(fsys)
	if diff := cmp.Diff([]string{"debian"}, containers); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := Recipes(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error("no recipes folder:", err)
	}
}

// TestUnknownNames: the error tells what there is instead.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	recipe := func(name string) error { _, err := LoadRecipe(testProject, name); return err }
	container := func(name string) error { _, err := LoadContainer(testProject, name); return err }
	lock := func(name string) error { _, err := LoadLock(testProject, name); return err }
	empty := fstest.MapFS{"containers/files/x": {}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{recipe("mmx"), `unknown recipe "mmx"; did you mean "mmq"? there are cpu, mmq`},
		{recipe("vulkan"), `unknown recipe "vulkan"; there are cpu, mmq`},
		{recipe("flags"), `unknown recipe "flags"; there are cpu, mmq`},
		{recipe("../recipes/mmq"), `unknown recipe "../recipes/mmq"; there are cpu, mmq`},
		{recipe(""), `unknown recipe ""; there are cpu, mmq`},
		{container("debain"), `unknown container "debain"; did you mean "debian"? there are debian, plain`},
		{func() error { _, err := LoadContainer(empty, "x"); return err }(), `unknown container "x"; this project has none`},
		{lock("beta"), `recipes/beta.lock.yaml: no lock for track "beta"`},
	} {
		if c.err == nil || c.err.Error() != c.want || !errors.Is(c.err, fs.ErrNotExist) {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
	var e *diag.Error
	if !errors.As(lock("beta"), &e) || e.Problems[0].Hint != `"strix-build lock --track beta" writes it` {
		t.Error("no way on from a missing lock:", e)
	}
	if err := lock("../x"); err == nil || !strings.Contains(err.Error(), "not a track's name") {
		t.Error(err)
	}
}

// TestNestedMegabyte: a megabyte of nesting is refused in a line, by each loader.
func TestNestedMegabyte(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"[", "{a: ", "- "} {
		data := []byte(strings.Repeat(unit, 1<<20/len(unit)))
		for kind, loader := range loaders {
			err := loader.load(fstest.MapFS{loader.path: {Data: data}})
			if err == nil || !strings.Contains(err.Error(), loader.path+":1:") || len(err.Error()) > 200 ||
				!strings.Contains(err.Error(), "nested deeper than 40 levels") {
				t.Errorf("%s of %q: %.300v", kind, unit, err)
			}
		}
	}
}

// FuzzLoad: no file panics a loader, and each problem has a place inside the file.
func FuzzLoad(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, loader := range loaders {
			var e *diag.Error
			err := loader.load(fstest.MapFS{loader.path: {Data: data}})
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("%v is no *diag.Error", err)
			}
			if e != nil {
				checkPlaces(t, loader.path, string(data), e.Problems)
			}
		}
	})
}

func seeds(f *testing.F) [][]byte {
	var out [][]byte
	for _, dir := range []string{"err", "project/recipes", "project/containers"} {
		files, err := fs.Glob(testdata, dir+"/*.yaml")
		if err != nil || len(files) == 0 {
			f.Fatal(dir, err)
		}
		for _, file := range files {
			data, err := fs.ReadFile(testdata, file)
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, data)
		}
	}
	return out
}

func checkPlaces(t *testing.T, file, text string, problems diag.List) {
	lines := strings.Split(text, "\n")
	for _, p := range problems {
		if p.Pos.File != file || p.Pos.Line < 1 || p.Pos.Line > len(lines) || p.Pos.Col < 1 ||
			p.Pos.Col > len([]rune(lines[p.Pos.Line-1]))+1 {
			t.Errorf("%q: %v is outside of the file", text, p)
		}
	}
}
