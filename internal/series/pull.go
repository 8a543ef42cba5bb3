package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// PullOptions say what of a pull request is vendored, and where.
type PullOptions struct {
	Number int
	URL    string // of the repository the pull request is in, for the files' Origin
	Set    string // patch set; made where it is not there
	Series string // folder; "": named for the base's build
	Squash bool   // one file for the whole
	Force  bool   // replace files that were edited since they were vendored
	Class  string // of a set that is made
	Status string // what a set says of its pull request, one of Yocto's words; "": nothing
}

// Vendored is a pull request as patch files.
type Vendored struct {
	Set, Series string
	Base        upstream.Story // the newest commit of the main line that the head is built on
	Head        string
	Files       []File // by name; after Write those that went are among them
	Backends    []string
	Notes       []string

	opt PullOptions
}

// Vendor makes patch files of a pull request's head as it is now: one a commit, each with a header that says where it is
// from. Nothing is written: see [Vendored.Write]. Head and base are pinned below cacheDir, so that a force push loses
// neither.
func Vendor(ctx context.Context, o *upstream.Origin, cacheDir string, opt PullOptions) (*Vendored, error) {
	head, err := o.PullHead(ctx, opt.Number)
	if err != nil {
		return nil, err
	}
	if head == "" {
		return nil, noPull(o.Source, opt.Number)
	}
	a, err := o.Ancestry(ctx, cacheDir, head)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	base, own, err := a.Own(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("pull request %d: %w", opt.Number, err)
	}
	if base.Build == 0 { // beside the line of first parents
		m, _, err := a.Contains(ctx, base.ID)
		if err != nil {
			return nil, err
		}
		base.Build = m.Build
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("pull request %d: the main line has its head %.12s already", opt.Number, head)
	}
	v := &Vendored{Set: opt.Set, Series: opt.Series, Base: base, Head: head, opt: opt}
	if v.Series == "" {
		v.Series = base.Build.String()
	}
	if opt.Squash {
		own = []upstream.Story{squashed(base, own, opt.Number)}
	}
	whole, err := o.Diff(ctx, base.ID, head, cacheDir) // pins both
	if err != nil {
		return nil, err
	}
	v.Backends = backends(whole)
	return v, v.fill(ctx, o, own)
}

func noPull(src upstream.Source, number int) error {
	if src.Path != "" {
		return fmt.Errorf("%s has no %s; run \"%s fetch %s %s:%s\"", src, upstream.PullRef(number), upstream.GitIn(src.Path), upstream.URL,
			upstream.PullRef(number), upstream.PullRef(number))
	}
	return fmt.Errorf("%s has no pull request %d", src, number)
}

// squashed is all of a pull request as one commit on its base.
func squashed(base upstream.Story, own []upstream.Story, number int) upstream.Story {
	last := own[len(own)-1]
	out := last
	out.Parents, out.Title = []string{base.ID}, own[0].Title
	var titles []string
	for _, s := range own {
		titles = append(titles, s.Title)
	}
	out.Body = fmt.Sprintf("All of pull request %d: %s.", number, strings.Join(titles, "; "))
	return out
}

func (v *Vendored) fill(ctx context.Context, o *upstream.Origin, own []upstream.Story) error {
	names := &namer{}
	for _, s := range own {
		if len(s.Parents) != 1 {
			return &FlagError{fmt.Sprintf("pull request %d has a merge, commit %.9s (%s), which no patch can be; give --squash",
				v.opt.Number, s.ID, s.Title)}
		}
		raw, err := o.Diff(ctx, s.Parents[0], s.ID, "")
		if err != nil {
			return err
		}
		if len(raw) == 0 {
			v.Notes = append(v.Notes, fmt.Sprintf("commit %.9s (%s) changes nothing and gets no file", s.ID, s.Title))
			continue
		}
		m := v.message(s)
		f, err := patch.NewFile(names.name(m), raw, diag.Pos{})
		if err != nil {
			return fmt.Errorf("pull request %d, commit %.9s: %w", v.opt.Number, s.ID, err)
		}
		data, err := vendoredText(m.Header, f.Data)
		if err != nil {
			return fmt.Errorf("pull request %d, commit %.9s: %w", v.opt.Number, s.ID, err)
		}
		v.Files = append(v.Files, File{Name: f.Name, Fate: Added, Data: data})
	}
	return nil
}

// message is a commit's in the form of a patch's header.
func (v *Vendored) message(s upstream.Story) message {
	m := parseMessage(s.Title + "\n\n" + s.Body)
	m.Set, m.File, m.Why = "", "", prose(m.Why)
	if m.Status = statusOf(v.opt.Status, v.opt.Number); m.Status == "" {
		m.Status = fmt.Sprintf("Submitted (#%d; whether it is open git alone cannot tell)", v.opt.Number)
	}
	m.Origin = fmt.Sprintf("%s/pull/%d, commit %s by %s, %s; base %s (%s), head %s", v.opt.URL, v.opt.Number, s.ID, s.Author,
		s.Written.Format("2006-01-02"), v.Base.ID, v.Base.Build, v.Head)
	return m
}

// proseLength is about how much of a commit's message a patch's header takes over; the commit has the rest.
const proseLength = 400

// prose are the first paragraphs of a message, without tables, which no header can hold.
func prose(why string) string {
	var out []string
	length := 0
	for paragraph := range strings.SplitSeq(why, "\n\n") {
		p := oneLine(paragraph)
		if p == "" || p[0] == '|' {
			continue
		}
		if length += len(p); len(out) > 0 && length > proseLength {
			break
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

// folders of the source tree that tell which backend a change is for.
var backendFolders = map[string][]string{
	"rocm": {"ggml/src/ggml-cuda/", "ggml/src/ggml-hip/"}, "vulkan": {"ggml/src/ggml-vulkan/"}, "cpu": {"ggml/src/ggml-cpu/"},
}

// backends guesses from the files; what is in none of the folders is for all.
func backends(diff []byte) []string {
	var out []string
	for _, name := range []string{"rocm", "vulkan", "cpu"} {
		for _, dir := range backendFolders[name] {
			if strings.Contains(string(diff), "\ndiff --git a/"+dir) || strings.HasPrefix(string(diff), "diff --git a/"+dir) {
				out = append(out, name)
				break
			}
		}
	}
	if len(out) == 0 {
		return []string{"rocm", "vulkan", "cpu"}
	}
	return out
}

// Write puts the files into the project and gives the set a variant for them. A series that is not of this pull request,
// or was edited since it was vendored, is not touched. It returns what people should know.
func (v *Vendored) Write(project string) ([]string, error) {
	fsys := os.DirFS(project)
	dir := path.Join("patches", v.Set, v.Series)
	if err := v.compare(fsys, dir); err != nil {
		return nil, err
	}
	if err := replaceFolder(filepath.Join(project, filepath.FromSlash(dir)), contents(v.Files)); err != nil {
		return nil, fmt.Errorf("write %s: %w", dir, err)
	}
	set := path.Join("patches", v.Set, "patchset.yaml")
	if _, err := fs.Stat(fsys, set); errors.Is(err, fs.ErrNotExist) {
		note := fmt.Sprintf("%s is new: look through title, class and backends, which are guesses; `strix-build patch check %s` tells the window", set, v.Set)
		return []string{note}, os.WriteFile(filepath.Join(project, filepath.FromSlash(set)), v.set(), 0o644) //nolint:gosec // a project's file
	}
	e, err := AddVariant(fsys, v.Set, v.Series, v.opt.Number, v.Base.Build)
	if err != nil {
		return nil, err
	}
	return e.Write(project)
}

// Write puts the edited text in its place, where there is one, and returns the note.
func (e *VariantEdit) Write(project string) ([]string, error) {
	var notes []string
	if e.Note != "" {
		notes = []string{e.Note}
	}
	if e.Text == nil {
		return notes, nil
	}
	file := filepath.Join(project, filepath.FromSlash(e.File))
	temp := file + ".new"
	if err := os.WriteFile(temp, e.Text, 0o644); err != nil { //nolint:gosec // a project's file
		return nil, err
	}
	return notes, os.Rename(temp, file)
}

// set is the text of a new patch set.
func (v *Vendored) set() []byte {
	title := strings.ReplaceAll(strings.ReplaceAll(firstTitle(v.Files), `\`, `\\`), `"`, `\"`)
	return fmt.Appendf(nil, "title: \"%s\"\nupstream: {pull: %d, status: submitted}\nclass: %s\nbackends: [%s]\nvariants:\n  - {window: \"=%s\", series: %s}\n",
		title, v.opt.Number, v.opt.Class, strings.Join(v.Backends, ", "), v.Base.Build, v.Series)
}

func firstTitle(files []File) string {
	at := slices.IndexFunc(files, func(f File) bool { return f.Fate != Removed })
	if at < 0 {
		return ""
	}
	h, err := patch.ReadHeader(files[at].Data)
	if err != nil {
		return ""
	}
	return h.Title
}
