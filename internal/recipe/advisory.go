package recipe

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// Advisories is recipes/advisories.yaml: what is known to be wrong with ranges of upstream builds.
type Advisories struct {
	Advisories map[string]*Advisory `yaml:"advisories,required" doc:"advisories by name"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Kind names the document in messages.
func (Advisories) Kind() string { return "advisories file" }

// Advisory says that a window of builds is bad for the builds its conditions describe. A condition that is left out
// holds for all; those that are there must all hold.
type Advisory struct {
	Name       string                        `yaml:"-"`
	Window     version.Window                `yaml:"window,required" doc:"build numbers it is about"`
	Severity   Text                          `yaml:"severity,required" doc:"wrong-output, crash and build refuse the build; slow is a note" enum:"wrong-output,crash,build,slow"`
	Summary    Text                          `yaml:"summary,required" doc:"what goes wrong, one line"`
	Advice     Text                          `yaml:"advice" doc:"what helps besides a cure or another base, one line"`
	Backends   []Text                        `yaml:"backends" doc:"backends it is about; none: all"`
	Targets    []Text                        `yaml:"targets" doc:"GPU targets it is about; none: all"`
	When       []Text                        `yaml:"when" doc:"words that must all be chosen: a feature, a patch set, a compiler flag, or NAME=VALUE of CMake or the environment"`
	Versions   map[string]version.Constraint `yaml:"versions" doc:"versions of what the container brings; one that it does not state is outside"`
	CuredBy    []Text                        `yaml:"cured-by" doc:"patch sets, each of which makes it good"`
	Links      []Text                        `yaml:"links,required" doc:"where this is known from: #N of llama.cpp, owner/repository#N, or an https URL"`
	Unverified Bool                          `yaml:"unverified" doc:"reported and not confirmed: a note, whatever the severity"`

	Pos    diag.Pos          `yaml:"-"` // of its name
	Places strictyaml.Places `yaml:"-"`
}

// refusing are the severities that refuse a build, and what llama.cpp does then, for messages.
var refusing = map[string]string{
	"wrong-output": "gives wrong output",
	"crash":        "crashes",
	"build":        "does not build",
}

var linkForm = regexp.MustCompile(`^(([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?#[0-9]+|https://\S+)$`)

// LoadAdvisories reads recipes/advisories.yaml; a project without it has none. The error is a *diag.Error with every
// problem of the file.
func LoadAdvisories(fsys fs.FS) (*Advisories, error) {
	a, err := load(fsys, advisoriesFile, (*Advisories).check)
	if errors.Is(err, fs.ErrNotExist) {
		return &Advisories{}, nil
	}
	return a, err
}

func (a *Advisories) check(c *checker) {
	for _, name := range sortedKeys(a.Advisories) {
		adv := a.Advisories[name]
		if adv == nil {
			continue // empty, which is known
		}
		adv.Name, adv.Pos = name, a.Places["advisories."+name]
		c.form(Text{Value: name, Pos: adv.Pos}, nameForm, "an advisory's name; "+nameWords)
		adv.check(c)
	}
}

func (a *Advisory) check(c *checker) {
	c.form(a.Summary, lineForm, "one line of text")
	c.form(a.Advice, lineForm, "one line of text")
	c.each(a.Backends, nameForm, "a backend's name")
	c.each(a.Targets, targetForm, "a GPU target such as gfx1151")
	c.each(a.When, wordForm, "a word without spaces")
	c.each(a.CuredBy, nameForm, "a patch set's name")
	c.each(a.Links, linkForm, "#N, owner/repository#N or an https URL")
	for key, list := range map[string][]Text{"backends": a.Backends, "targets": a.Targets, "when": a.When, "cured-by": a.CuredBy, "links": a.Links} {
		c.some(list, a.Places, key)
	}
	for _, name := range sortedKeys(a.Versions) {
		if at := a.Places["versions."+name]; !nameForm.MatchString(name) {
			c.list.Add(at, nameWords, "%q is not the name of something that a container brings", name)
		}
		if w := a.Versions[name]; !w.IsZero() && !satisfiable(w) {
			c.list.Add(a.Places["versions."+name], `alternatives are separated by "||"`, "no version of %s is %s: the advisory is about nothing", name, w)
		}
	}
}

var wordForm = regexp.MustCompile(`^\S+$`)

// Check compares the advisories with the project's backends, features and patch sets. The error is a *diag.Error with
// every problem, placed in recipes/advisories.yaml.
func (a *Advisories) Check(f *Flags, sets []string) error {
	var list diag.List
	backends, targets := sortedKeys(f.Backends), f.targets()
	for _, name := range sortedKeys(a.Advisories) {
		adv := a.Advisories[name]
		known(&list, "backend", adv.Backends, backends)
		known(&list, "target", adv.Targets, targets)
		known(&list, "patch set", adv.CuredBy, sets)
		f.CheckWords(&list, adv.When, sets)
	}
	return list.Err()
}

// targets are what the backends compile for, sorted.
func (f *Flags) targets() []string {
	var out []string
	for _, b := range f.Backends {
		out = append(out, values(b.Targets)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known adds a problem for each name that is not among options.
func known(list *diag.List, what string, names []Text, options []string) {
	for _, n := range names {
		if !slices.Contains(options, n.Value) {
			list.Add(n.Pos, "", "unknown %s %q; %sthere are %s", what, n.Value, didYouMean(n.Value, options), strings.Join(options, ", "))
		}
	}
}
