package patch

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// root is the folder of the patch sets in a project.
const root = "patches"

// setFile describes a set, in the set's folder.
const setFile = "patchset.yaml"

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]*$`)
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Sets lists the patch sets of a project by name, sorted. A project without patches has none.
func Sets(fsys fs.FS) ([]string, error) {
	files, err := fs.Glob(fsys, path.Join(root, "*", setFile))
	if err != nil {
		return nil, fmt.Errorf("list patch sets: %w", err)
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = path.Base(path.Dir(f))
	}
	slices.Sort(names)
	return names, nil
}

// LoadSet reads patches/<name>/patchset.yaml. The error is a *diag.Error with every problem of the file; for a set
// that is not there it lists the sets, and errors.Is(err, fs.ErrNotExist) holds.
func LoadSet(fsys fs.FS, name string) (*Set, error) {
	names, err := Sets(fsys)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, unknownSet(name, names)
	}
	return strictyaml.Once(fsys, path.Join(root, name, setFile), func() (*Set, error) { return readSet(fsys, name, names) })
}

func readSet(fsys fs.FS, name string, names []string) (*Set, error) {
	file := path.Join(root, name, setFile)
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("read patch set %q: %w", name, err)
	}
	set := &Set{Name: name}
	list := strictyaml.Decode(file, data, set)
	set.check(&list, fsys)
	set.checkRequires(&list, names)
	if err := filled(list, fsys); err != nil {
		return nil, err
	}
	return set, nil
}

func unknownSet(name string, names []string) error {
	var list diag.List
	list.Add(diag.Pos{}, "", "%s", unknown(name, names))
	return &diag.Error{Problems: list, Cause: fs.ErrNotExist}
}

// filled makes the list an error that carries the text of the files it points at.
func filled(list diag.List, fsys fs.FS) error {
	if len(list) == 0 {
		return nil
	}
	err := &diag.Error{Problems: list.Sorted()}
	err.Fill(fsys)
	return err
}

// check reports what the YAML's form does not say. Parts that did not decode are left alone: their problem is known.
func (s *Set) check(list *diag.List, fsys fs.FS) {
	if !nameForm.MatchString(s.Name) {
		list.Add(s.Pos, "", "patch set name %q may have lower-case letters, digits and . _ + - only", s.Name)
	}
	for _, c := range s.Conflicts {
		c.check(list)
	}
	for i := range s.Kernels {
		s.Kernels[i].check(list)
	}
	for i := range s.Variants {
		v := &s.Variants[i]
		s.checkVariant(list, fsys, v)
		for j := range i {
			if o := s.Variants[j]; !o.Window.IsZero() && !v.Window.IsZero() && o.Window.Overlaps(v.Window) {
				list.Add(v.Pos, "windows are half open: end one with <bN and begin the next with >=bN",
					"window %s overlaps the window %s of line %d", v.Window, o.Window, o.Pos.Line)
			}
		}
	}
}

func (s *Set) checkVariant(list *diag.List, fsys fs.FS, v *Variant) {
	switch {
	case v.Series.Value == "" && v.Pull == nil:
		list.Add(v.Pos, "", "variant has neither series nor pull")
	case v.Series.Value != "" && v.Pull != nil:
		list.Add(v.Series.Pos, "", "variant has both series and pull; a variant is one of them")
	case v.Pull != nil:
		v.Pull.check(list)
	default:
		s.checkSeries(list, fsys, v)
	}
	if d := v.SHA256; d.Value != "" && !sha256Form.MatchString(d.Value) {
		list.Add(d.Pos, "", "sha256 %q is not 64 lower-case hex digits", d.Value)
	}
}

func (p *Pull) check(list *diag.List) {
	if pos, ok := p.Places["number"]; ok && p.Number <= 0 && !unread(*list, pos, "number") {
		list.Add(pos, "", "pull request number %d is not positive", p.Number)
	}
	for _, c := range []Text{p.Base, p.Head} {
		if c.Value != "" && !commitForm.MatchString(c.Value) {
			list.Add(c.Pos, "a branch or a short id may name another commit tomorrow", "%q is not a full commit id", c.Value)
		}
	}
}

// unread reports whether a key's value was no value of its type, which is a problem already.
func unread(list diag.List, key diag.Pos, name string) bool {
	return slices.ContainsFunc(list, func(p diag.Problem) bool {
		return p.Pos.Line == key.Line && strings.Contains(p.Msg, "."+name+`"`)
	})
}

func (s *Set) checkSeries(list *diag.List, fsys fs.FS, v *Variant) {
	if !nameForm.MatchString(v.Series.Value) {
		list.Add(v.Series.Pos, "", "series %q is not the name of a folder beside %s", v.Series.Value, setFile)
		return
	}
	dir := path.Join(root, s.Name, v.Series.Value)
	if info, err := fs.Stat(fsys, dir); err != nil || !info.IsDir() {
		list.Add(v.Series.Pos, noFolder, "series %q: no folder %s", v.Series.Value, dir)
	}
}

// noFolder is the hint where a series has none.
const noFolder = "make it, with files as git format-patch writes them, or correct the name"

// Variant returns the variant whose window holds the build number. The error is a *diag.Error at the set that names
// the windows there are.
func (s *Set) Variant(b version.Build) (*Variant, error) {
	var windows []string
	for i := range s.Variants {
		if s.Variants[i].Window.Contains(b) {
			return &s.Variants[i], nil
		}
		windows = append(windows, fmt.Sprintf("%q", s.Variants[i].Window.String()))
	}
	var list diag.List
	list.Add(s.Pos, "", "patch set %q has no variant for %s; there are %s", s.Name, b, strings.Join(windows, ", "))
	return nil, list.Err()
}
