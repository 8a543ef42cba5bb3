package recipe

import (
	"path"
	"regexp"
	"strings"

	"strix-build/internal/diag"
)

// Part is a folder of another repository at a pinned commit, e.g. headers that a distribution does not package. It is
// laid over the toolchain of the recipes whose features need it, and of no others.
type Part struct {
	Source Text            `yaml:"source,required" doc:"repository (https)"`
	Commit Text            `yaml:"commit,required" doc:"full commit id"`
	Folder Text            `yaml:"folder,required" doc:"folder of the repository"`
	To     Text            `yaml:"to,required" doc:"where compilers find it, e.g. /usr/include/rocwmma"`
	Files  map[string]Text `yaml:"files" doc:"files beside the folder's own, by name, that the repository makes from templates"`

	Pos diag.Pos `yaml:"-"`
}

// partPlace keeps a part out of what the container engine and the build put into a step.
var partPlace = regexp.MustCompile(`^/(usr|opt)/[A-Za-z0-9._+/-]+$`)

func (con *Container) checkParts(c *checker) {
	for _, name := range sortedKeys(con.Parts) {
		p := con.Parts[name]
		if !nameForm.MatchString(name) {
			c.list.Add(p.Pos, nameWords, "%q is not the name of a part", name)
		}
		if hasText(con.Provides, name) {
			c.list.Add(p.Pos, "leave it out of one of them", "part %q is in provides and in parts", name)
		}
		c.https(p.Source)
		c.form(p.Commit, commitForm, "a full commit id")
		c.inTree([]Text{p.Folder})
		if t := p.To; !t.Pos.IsZero() && (!partPlace.MatchString(t.Value) || path.Clean(t.Value) != t.Value) {
			c.list.Add(t.Pos, "write e.g. /usr/include/"+name, "%q is not a folder below /usr or /opt", t.Value)
		}
		for _, f := range sortedKeys(p.Files) {
			if path.Clean(f) != f || strings.HasPrefix(f, "/") || strings.HasPrefix(f, "../") || f == "." || f == ".." {
				c.list.Add(p.Files[f].Pos, "", "%q is not a file inside the part", f)
			}
		}
	}
}
