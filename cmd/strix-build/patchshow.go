package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/series"
)

func (a *app) patchShowCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "show a patch set: forms, files, what they say of themselves, who uses it",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSets,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			set, err := patch.LoadSet(p.FS, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				v, err := viewSet(p.FS, set)
				if err != nil {
					return err
				}
				return json.NewEncoder(a.out).Encode(v)
			}
			s := &sheet{width: a.width(a.out)}
			s.set(set, users(p.FS, set.Name))
			for i := range set.Variants {
				if err := s.variant(p.FS, set, &set.Variants[i]); err != nil {
					return err
				}
			}
			_, err = io.WriteString(a.out, s.String())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// users are the recipes that name a set; one that cannot be read uses nothing.
func users(fsys fs.FS, set string) []string {
	names, _ := recipe.Recipes(fsys)
	var out []string
	for _, n := range names {
		r, err := recipe.LoadRecipe(fsys, n)
		if err == nil && slices.ContainsFunc(r.Patches, func(t recipe.Text) bool { return t.Value == set }) {
			out = append(out, n)
		}
	}
	return out
}

// sheet is a page of keys and texts, broken at the terminal's width.
type sheet struct {
	strings.Builder
	width int
}

// Columns where keys and texts begin.
const (
	keyColumn  = 12
	fileIndent = "    "
)

// row writes a key and its text, which goes on below its beginning.
func (s *sheet) row(indent, key, text string) {
	if text == "" {
		return
	}
	begin := len(indent) + keyColumn
	line := indent + fmt.Sprintf("%-*s", keyColumn, key)
	if len(line) > begin { // a window
		line += "  "
	}
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > s.width {
			fmt.Fprintln(s, line)
			line, empty = strings.Repeat(" ", begin), true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	fmt.Fprintln(s, line)
}

func (s *sheet) set(set *patch.Set, users []string) {
	s.row("", "set", set.Name+": "+set.Title.Value)
	s.row("", "class", set.Class.Value+", for "+strings.Join(values(set.Backends), ", "))
	up := upstreamText(set.Upstream.Pull, set.Upstream.Status.Value)
	if n := set.Upstream.SupersededBy; len(n) > 0 {
		up += "; the idea is carried by " + numbers(n)
	}
	s.row("", "upstream", up)
	for _, class := range slices.Sorted(maps.Keys(set.Expect)) {
		var cells []string
		for _, cell := range slices.Sorted(maps.Keys(set.Expect[class])) {
			cells = append(cells, cell+" "+set.Expect[class][cell].Value)
		}
		s.row("", "expect", class+": "+strings.Join(cells, ", "))
	}
	s.row("", "requires", strings.Join(values(set.Requires), ", "))
	for _, c := range set.Conflicts {
		s.row("", "conflicts", "with "+strings.Join(values(c.With), " and ")+": "+c.Because.Value+origin(c.Origin.Value))
	}
	if len(users) == 0 {
		users = []string{"no recipe"}
	}
	s.row("", "used by", strings.Join(users, ", "))
}

func origin(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func numbers(pulls []int) string {
	var out []string
	for _, n := range pulls {
		out = append(out, fmt.Sprintf("#%d", n))
	}
	return strings.Join(out, ", ")
}

func (s *sheet) variant(fsys fs.FS, set *patch.Set, v *patch.Variant) error {
	fmt.Fprintln(s)
	if v.Pull != nil {
		s.row("", v.Window.String(), fmt.Sprintf("pull request %d, base %.9s, head %.9s", v.Pull.Number, v.Pull.Base, v.Pull.Head))
	} else {
		s.row("", v.Window.String(), "series "+v.Series.Value)
	}
	s.row("  ", "narrower", v.Because.Value)
	s.row("  ", "warning", v.Warn.Value)
	if v.Pull != nil {
		return nil
	}
	files, err := patchFiles(fsys, set, v)
	for _, f := range files {
		s.file(f)
	}
	return err
}

// patchFile is a file of a series with what it says and changes.
type patchFile struct {
	name   string
	header patch.Header
	stats  []series.FileStat
}

func patchFiles(fsys fs.FS, set *patch.Set, v *patch.Variant) ([]patchFile, error) {
	files, err := patch.ReadSeries(fsys, set, v)
	if err != nil {
		return nil, err
	}
	var out []patchFile
	for _, f := range files {
		one := patchFile{name: path.Base(f.Name)}
		text, err := fs.ReadFile(fsys, path.Join("patches", set.Name, v.Series.Value, one.name))
		if err != nil {
			return nil, err
		}
		if one.header, err = patch.ReadHeader(text); err != nil {
			return nil, err
		}
		if one.stats, err = series.Stat(f.Data); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (s *sheet) file(f patchFile) {
	fmt.Fprintf(s, "  %s\n", f.name)
	s.row(fileIndent, "subject", f.header.Title)
	s.row(fileIndent, "why", f.header.Why)
	s.row(fileIndent, "upstream", f.header.Status)
	s.row(fileIndent, "expect", f.header.Expect)
	s.row(fileIndent, "origin", f.header.Origin)
	for _, st := range f.stats {
		s.row(fileIndent, fmt.Sprintf("+%d -%d", st.Added, st.Removed), st.Path)
	}
}
