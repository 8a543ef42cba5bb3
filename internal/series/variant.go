package series

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/patch"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// VariantEdit is what a new series asks of its patchset.yaml.
type VariantEdit struct {
	File string // path in the project
	Text []byte // the new text; nil where nothing is to be written
	Note string // for people: what was done, or what they have to do
}

// AddVariant finds out how a set gets a variant for a series that applies to a build. The pull request that the series
// was made of (0: any) is replaced by it, where one is pinned for that build. Otherwise the new window holds the one
// build, which is all that is known: where else it applies `patch check` tells. The set's text keeps its form and
// comments.
func AddVariant(fsys fs.FS, name, series string, pull int, b version.Build) (*VariantEdit, error) {
	set, err := patch.LoadSet(fsys, name)
	if err != nil {
		return nil, err
	}
	e := &VariantEdit{File: path.Join("patches", name, "patchset.yaml")}
	text, err := fs.ReadFile(fsys, e.File)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(set.Variants, func(v patch.Variant) bool { return v.Series.Value == series }) {
		return e, nil
	}
	at := slices.IndexFunc(set.Variants, func(v patch.Variant) bool { return v.Window.Contains(b) })
	want := fmt.Sprintf(`{window: "=%s", series: %s}`, b, series)
	var edited []byte
	switch {
	case at >= 0 && !isPull(set.Variants[at].Pull, pull):
		e.Note = fmt.Sprintf("%s: the window %s of another variant has %s already; end it before %s, or begin it after, and add - %s",
			e.File, set.Variants[at].Window, b, b, want)
		return e, nil
	case at >= 0:
		want = fmt.Sprintf(`series: %s instead of pull, in the variant of line %d`, series, set.Variants[at].Pos.Line)
		edited = replacePull(text, set, at, series)
		e.Note = fmt.Sprintf("%s: series %s takes the place of pull request %d in window %s", e.File, series, set.Variants[at].Pull.Number, set.Variants[at].Window)
	default:
		edited = appendVariant(text, set, want)
		e.Note = fmt.Sprintf("%s: window =%s for series %s; `strix-build patch check %s` tells how far it reaches", e.File, b, series, name)
	}
	if !isEdit(edited, set, series, b) {
		e.Note = fmt.Sprintf("%s: its form is not one that can be edited here; write %s", e.File, want)
		return e, nil
	}
	e.Text = edited
	return e, nil
}

func isPull(p *patch.Pull, number int) bool { return p != nil && (number == 0 || p.Number == number) }

// isEdit reads the edited text: it must be the set with the series for the build, and else what it was.
func isEdit(text []byte, was *patch.Set, series string, b version.Build) bool {
	set := &patch.Set{Name: was.Name}
	if text == nil || len(strictyaml.Decode("", text, set)) > 0 {
		return false
	}
	var windows []version.Window
	for _, v := range set.Variants {
		if slices.ContainsFunc(windows, v.Window.Overlaps) || v.Window.Contains(b) != (v.Series.Value == series) {
			return false
		}
		windows = append(windows, v.Window)
	}
	for _, v := range was.Variants {
		if !slices.Contains(windows, v.Window) {
			return false
		}
	}
	return set.Title.Value == was.Title.Value && set.Class.Value == was.Class.Value
}

// topKey begins a line of a mapping that is not indented.
var topKey = regexp.MustCompile(`^[^\s#\-]`)

// appendVariant puts a variant behind the last one, indented as that is; nil where the list is written in another way.
func appendVariant(text []byte, set *patch.Set, item string) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	last := set.Variants[len(set.Variants)-1].Pos.Line - 1
	dash := bytes.IndexByte(lines[last], '-')
	if dash < 0 || len(bytes.TrimSpace(lines[last][:dash])) > 0 {
		return nil
	}
	end := last + 1
	for end < len(lines) && !topKey.Match(lines[end]) {
		end++
	}
	for end > last+1 && (len(bytes.TrimSpace(lines[end-1])) == 0 || lines[end-1][0] == '#') {
		end-- // what stands before the next key is that key's
	}
	if n := len(lines[end-1]); n > 0 && lines[end-1][n-1] != '\n' {
		lines[end-1] = append(slices.Clone(lines[end-1]), '\n')
	}
	added := []byte(strings.Repeat(" ", dash) + "- " + item + "\n")
	return bytes.Join(slices.Insert(lines, end, added), nil)
}

var (
	flowPull   = regexp.MustCompile(`pull:\s*\{[^{}]*\}`)
	flowDigest = regexp.MustCompile(`,\s*sha256:\s*"?[0-9a-f]{64}"?`)
	blockPull  = regexp.MustCompile(`^(\s*(?:- )?)pull:\s*(?:#.*)?$`)
	blockHash  = regexp.MustCompile(`^\s*sha256:`)
)

// replacePull makes the variant's pull request a series; nil where it is written in another way.
func replacePull(text []byte, set *patch.Set, at int, series string) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	from, to := set.Variants[at].Pos.Line-1, len(lines)
	for _, v := range set.Variants {
		if n := v.Pos.Line - 1; n > from {
			to = min(to, n)
		}
	}
	var out []string
	done := false
	deeper := -1 // the column of "pull:" while its keys are passed over
	for i, l := range lines {
		key := len(l) - len(strings.TrimLeft(l, " "))
		switch body := strings.TrimRight(l, "\n"); {
		case i < from || i >= to:
		case deeper >= 0 && key > deeper && strings.TrimSpace(l) != "":
			continue
		case !done && blockPull.MatchString(body):
			lead := blockPull.FindStringSubmatch(body)[1]
			l, deeper, done = lead+"series: "+series+"\n", len(lead), true
		case !done && flowPull.MatchString(body):
			l, done = flowDigest.ReplaceAllString(flowPull.ReplaceAllString(l, "series: "+series), ""), true
		case blockHash.MatchString(body):
			deeper = -1
			continue
		default:
			deeper = -1
		}
		out = append(out, l)
	}
	if !done {
		return nil
	}
	return []byte(strings.Join(out, ""))
}
