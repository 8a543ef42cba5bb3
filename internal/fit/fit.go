// Package fit says whether a patch set, or a whole track of recipes, fits a base: on which builds each form of a set
// applies and which commit ended that, which base is the newest that every recipe of a track can have, and what breaks
// next.
//
// It reads recipes, patch sets and upstream's history. It does not build, pin or print, and it changes no files.
package fit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/version"
)

// DiffFunc makes the diff of a pinned pull request, git format.
type DiffFunc func(ctx context.Context, p *patch.Pull) ([]byte, error)

// Form is a variant of a patch set with its patches, in the order they are applied.
type Form struct {
	Set     *patch.Set
	Variant *patch.Variant
	Files   []patch.File
	Under   []Form // every form of the sets that this one requires, in the order of application
}

// String is the set's name and the form's: "mmq-gfx1151 b8642", "mmq-gfx1151 #21344".
func (f Form) String() string { return f.Set.Name + " " + f.Name() }

// Name is the form's own: the folder of its series, or the number of its pull request.
func (f Form) Name() string { return VariantName(f.Variant) }

// VariantName is how a variant is called among those of its set.
func VariantName(v *patch.Variant) string {
	if v.Pull != nil {
		return fmt.Sprintf("#%d", v.Pull.Number)
	}
	return v.Series.Value
}

// Load reads patch sets by name with all their forms; no names mean every set of the project. The error is a
// *diag.Error with every problem of the files; a diff that cannot be had is one.
func Load(ctx context.Context, fsys fs.FS, names []string, diff DiffFunc) ([]Form, error) {
	if len(names) == 0 {
		var err error
		if names, err = patch.Sets(fsys); err != nil {
			return nil, err
		}
	}
	var out []Form
	var sets []*patch.Set
	var all diag.Error
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		set, err := patch.LoadSet(fsys, name)
		if err == nil {
			sets = append(sets, set)
			var forms []Form
			forms, err = Forms(ctx, fsys, set, diff)
			out = append(out, forms...)
		}
		if err := merge(&all, err); err != nil {
			return nil, err
		}
	}
	if err := merge(&all, CheckCircles(fsys, sets)); err != nil {
		return nil, err
	}
	if len(all.Problems) > 0 {
		return nil, &all
	}
	return out, nil
}

// Forms reads every variant of a set, and of the sets it requires. The error is a *diag.Error where a file or a diff
// is at fault.
func Forms(ctx context.Context, fsys fs.FS, set *patch.Set, diff DiffFunc) ([]Form, error) {
	l := formLoader{fs: fsys, diff: diff}
	return l.forms(ctx, set, nil)
}

type formLoader struct {
	fs   fs.FS
	diff DiffFunc
	only version.Build // forms of other builds stay without files; 0: all are read
}

func (l *formLoader) forms(ctx context.Context, set *patch.Set, above []string) ([]Form, error) {
	under, err := l.under(ctx, set, append(slices.Clone(above), set.Name))
	if err != nil {
		return nil, err
	}
	var out []Form
	var all diag.Error
	for i := range set.Variants {
		f := Form{Set: set, Variant: &set.Variants[i]}
		var err error
		if l.only == 0 || f.Variant.Window.Contains(l.only) {
			f, err = ReadForm(ctx, l.fs, set, f.Variant, l.diff)
		}
		if err := merge(&all, err); err != nil {
			return nil, err
		}
		f.Under = under
		out = append(out, f)
	}
	if len(all.Problems) > 0 {
		return nil, &all
	}
	return out, nil
}

// under reads the forms of the sets that a set requires, what those require first. above are the sets on the way to
// it: a cycle is a problem of the files, which CheckCircles reports; here it is only not followed.
func (l *formLoader) under(ctx context.Context, set *patch.Set, above []string) ([]Form, error) {
	var out []Form
	for _, name := range set.Requires {
		if slices.Contains(above, name.Value) || slices.ContainsFunc(out, func(f Form) bool { return f.Set.Name == name.Value }) {
			continue
		}
		required, err := patch.LoadSet(l.fs, name.Value)
		if err != nil {
			return nil, diag.At(err, name.Pos)
		}
		forms, err := l.forms(ctx, required, above)
		if err != nil {
			return nil, err
		}
		for _, f := range append(slices.Clone(first(forms).Under), forms...) {
			if !slices.ContainsFunc(out, func(o Form) bool { return o.Variant == f.Variant || o.String() == f.String() }) {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func first(forms []Form) Form {
	if len(forms) == 0 {
		return Form{}
	}
	return forms[0]
}

// ReadForm reads one variant; the sets it requires are not looked at.
func ReadForm(ctx context.Context, fsys fs.FS, set *patch.Set, v *patch.Variant, diff DiffFunc) (Form, error) {
	f := Form{Set: set, Variant: v}
	if v.Pull == nil {
		var err error
		f.Files, err = patch.ReadSeries(fsys, set, v)
		return f, err
	}
	data, err := diff(ctx, v.Pull)
	if err != nil {
		return f, err
	}
	file, err := patch.NewFile(path.Join(set.Name, fmt.Sprintf("pull-%d.patch", v.Pull.Number)), data, v.Pos)
	f.Files = []patch.File{file}
	return f, err
}

// at returns the form of a set for a build among forms, or false.
func at(forms []Form, set string, b version.Build) (Form, bool) {
	i := slices.IndexFunc(forms, func(f Form) bool { return f.Set.Name == set && f.Variant.Window.Contains(b) })
	if i < 0 {
		return Form{}, false
	}
	return forms[i], true
}

// merge keeps the problems of a *diag.Error, each once, and returns any other error.
func merge(all *diag.Error, err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, p := range e.Problems {
		if !slices.Contains(all.Problems, p) {
			all.Problems = append(all.Problems, p)
		}
	}
	for file, text := range e.Sources {
		all.AddSource(file, text)
	}
	return nil
}
