package static

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/dynlink"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/strictyaml"
)

// mark is a row of marks.yaml; its fields are explained there.
type mark struct {
	Variable string          `yaml:"variable,required"`
	Library  string          `yaml:"library"`
	Imports  string          `yaml:"imports"`
	Program  string          `yaml:"program"`
	Needs    string          `yaml:"needs"`
	Value    strictyaml.Text `yaml:"value" enum:"targets,runpath"`
}

//go:embed marks.yaml
var marksYAML []byte

var loadMarks = sync.OnceValues(func() (map[string]mark, error) {
	var t struct {
		Marks []mark `yaml:"marks,required"`
	}
	problems := strictyaml.Decode("internal/static/marks.yaml", marksYAML, &t)
	out := map[string]mark{}
	for _, m := range t.Marks {
		out[m.Variable] = m
	}
	return out, problems.Err()
})

// flagsCheck compares what the image's record says was asked for with what is to be seen in the image.
func flagsCheck(img *Image) (gate.Check, error) {
	marks, err := loadMarks()
	if err != nil {
		return gate.Check{}, err
	}
	r := img.Record
	if r == nil {
		return gate.Skip(gate.Static, nameFlags, "the image has no record of what was asked for ("+graph.BuildRecord+")"), nil
	}
	var wrong, seen, unseen []string
	if said := img.Labels[ocispecs.AnnotationRevision]; said != r.Commit {
		wrong = append(wrong, fmt.Sprintf("its record is of commit %.12s, its label says %.12s", r.Commit, said))
	}
	for _, name := range slices.Sorted(maps.Keys(r.CMake)) {
		asked := name + "=" + r.CMake[name]
		m, known := marks[name]
		if !known || m.Library != "" && !recipe.IsOn(r.CMake["BUILD_SHARED_LIBS"]) {
			unseen = append(unseen, name)
			continue
		}
		if why := img.lacks(m, r.CMake[name]); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s was asked for, and %s", asked, why))
		} else {
			seen = append(seen, asked)
		}
	}
	c := gate.Checked(gate.Static, nameFlags, fmt.Sprintf("seen: %s; nothing to see of: %s", listed(seen), listed(unseen)))
	if len(wrong) > 0 {
		c.OK, c.Why = false, first(wrong)
	}
	return c, nil
}

func listed(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// lacks says what of a mark is not as the value wants it; "": all is.
func (img *Image) lacks(m mark, value string) string {
	switch m.Value.Value {
	case "targets":
		return img.lacksTargets(value)
	case "runpath":
		return img.lacksRunPath(value)
	}
	there, what := img.shows(m)
	switch on := recipe.IsOn(value); {
	case on && !there:
		return "there is no " + what
	case !on && there:
		return "there is a " + what
	}
	return ""
}

// shows reports whether the image has a mark, and says what it is.
func (img *Image) shows(m mark) (there bool, what string) {
	fits := func(string, *dynlink.File) bool { return false }
	switch {
	case m.Imports != "":
		what = m.Library + " that takes " + m.Imports
		fits = func(name string, _ *dynlink.File) bool {
			return strings.HasPrefix(path.Base(name), m.Library) && slices.Contains(img.Imports[name], m.Imports)
		}
	case m.Library != "":
		what = m.Library
		fits = func(name string, _ *dynlink.File) bool { return strings.HasPrefix(path.Base(name), m.Library) }
	case m.Program != "":
		what = m.Program
		fits = func(name string, _ *dynlink.File) bool { return path.Base(name) == m.Program }
	case m.Needs != "":
		what = "file that needs " + m.Needs
		fits = func(_ string, f *dynlink.File) bool {
			return slices.ContainsFunc(f.Needed, func(n string) bool { return strings.HasPrefix(n, m.Needs) })
		}
	}
	for name, f := range img.ownFiles() {
		if fits(name, f) {
			return true, what
		}
	}
	return false, what
}

// ownFiles are llama.cpp's programs and libraries.
func (img *Image) ownFiles() map[string]*dynlink.File {
	out := map[string]*dynlink.File{}
	for name, f := range img.Tree.Files {
		if img.isOwn(name) {
			out[name] = f
		}
	}
	return out
}

// lacksTargets compares the GPUs with those that llama.cpp's libraries have code for.
func (img *Image) lacksTargets(value string) string {
	var have, lack []string
	for _, l := range img.Kernels.Libraries {
		for _, o := range l.Objects {
			if img.isOwn(l.Path) {
				have = append(have, string(o.Target))
			}
		}
	}
	for _, target := range strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ',' }) {
		name, _, _ := strings.Cut(target, ":") // features may follow
		if !slices.Contains(have, name) {
			lack = append(lack, name)
		}
	}
	if len(lack) == 0 {
		return ""
	}
	return "there is no code for " + strings.Join(lack, ", ")
}

// lacksRunPath names llama.cpp's programs that do not look in the folder.
func (img *Image) lacksRunPath(dir string) string {
	var lack []string
	for name, f := range img.ownFiles() {
		if f.Interpreter != "" && !slices.Contains(f.RunPath, dir) && !slices.Contains(f.RPath, dir) {
			lack = append(lack, path.Base(name))
		}
	}
	if len(lack) == 0 {
		return ""
	}
	slices.Sort(lack)
	return strings.Join(lack, ", ") + " look elsewhere for libraries"
}
