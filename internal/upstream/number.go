package upstream

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"strix-build/internal/version"
)

// mainLine is a clone's line of first parents. Its commits carry the number of commits up to each, which is their build
// number in a clone that has upstream's whole history.
type mainLine struct {
	path    string // of the clone
	name    plumbing.ReferenceName
	from    *lineage
	commits []Commit // oldest first
	shallow bool     // the line begins somewhere, and the numbers mean nothing
	tags    *tags    // of these commits, and newer bN tags beside them
	beyond  version.Build
	agree   int // how many commits have a tag that says what is counted; set by number

	notes []string
}

func (l *mainLine) note(format string, a ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, a...))
}

// tip is where a main line may end.
type tip struct {
	name plumbing.ReferenceName
	id   plumbing.Hash
}

// tips are the references that a clone may have for upstream's main line, the likeliest first; of several on one commit
// one.
func (r *repository) tips() []tip {
	var out []tip
	for _, name := range mainlines {
		ref, err := r.Reference(name, true)
		if err == nil && !slices.ContainsFunc(out, func(t tip) bool { return t.id == ref.Hash() }) {
			out = append(out, tip{name, ref.Hash()})
		}
	}
	return out
}

func (r *repository) lineTo(ctx context.Context, t tip) (*mainLine, error) {
	from := newLineage(r)
	commits, err := from.line(ctx, t.id)
	if err != nil {
		return nil, err
	}
	l := &mainLine{path: r.path, name: t.name, from: from, commits: commits, shallow: len(from.cut) > 0}
	return l, r.tagsOf(l)
}

// mainLine reads the first of the references that a clone may have for upstream's main line.
func (r *repository) mainLine(ctx context.Context) (*mainLine, error) {
	if tips := r.tips(); len(tips) > 0 {
		return r.lineTo(ctx, tips[0])
	}
	return nil, fmt.Errorf(`it has no main line: none of its references is a master branch; run "%s fetch %s master:master"`, GitIn(r.path), URL)
}

// tagsOf collects the tags on a line's commits. Upstream's are plain references, found by their hash alone; annotated
// ones have to be read.
func (r *repository) tagsOf(l *mainLine) error {
	on := make(map[string]bool, len(l.commits))
	for _, c := range l.commits {
		on[c.ID] = true
	}
	l.tags = newTags()
	refs, err := r.Tags()
	if err != nil {
		return fmt.Errorf("list tags: %w", err)
	}
	return refs.ForEach(func(ref *plumbing.Reference) error {
		name, id := ref.Name().Short(), ref.Hash().String()
		if !telling(name) {
			return nil
		}
		if !on[id] {
			id = r.peel(ref.Hash()).String()
		}
		l.tags.add(name, id)
		if b, err := version.ParseBuild(name); err == nil && !on[id] {
			l.beyond = max(l.beyond, b)
		}
		return nil
	})
}

// number makes the marks. Counting is upstream's own rule, so it decides as long as one tag agrees with it; a tag that
// does not has moved. Where no tag does, the clone has not upstream's whole history, and the tags decide.
func (l *mainLine) number() (marks []Mark, whole bool, err error) {
	tagged := 0
	l.agree = 0
	for _, c := range l.commits {
		bs := l.tags.builds[c.ID]
		tagged += min(len(bs), 1)
		if slices.Contains(bs, c.Build) {
			l.agree++
		}
	}
	switch {
	case l.shallow && tagged == 0:
		return nil, false, errShallow
	case l.shallow || tagged > 0 && l.agree == 0:
		marks = l.byTags()
	default:
		marks, whole = l.byCount(), true
	}
	if last := marks[len(marks)-1]; l.beyond > last.Build {
		l.note("tags up to %s are on no commit of %s in %s, which ends at %s; %s", l.beyond, l.name.Short(), l.path, last.Build, l.update())
	}
	return marks, whole, nil
}

func (l *mainLine) mark(c Commit, b version.Build) Mark {
	m := Mark{Commit: c, Tagged: slices.Contains(l.tags.builds[c.ID], b), Releases: l.tags.releasesOn(c.ID)}
	m.Build = b
	return m
}

func (l *mainLine) byCount() []Mark {
	out := make([]Mark, 0, len(l.commits))
	var wrong []string
	for _, c := range l.commits {
		out = append(out, l.mark(c, c.Build))
		for _, b := range l.tags.builds[c.ID] {
			if b != c.Build {
				wrong = append(wrong, fmt.Sprintf("%s is on commit %.12s, which is %s", b, c.ID, c.Build))
			}
		}
	}
	l.contradict(wrong, "counted along "+l.name.Short())
	return out
}

func (l *mainLine) contradict(wrong []string, rule string) {
	if len(wrong) == 0 {
		return
	}
	more := ""
	if n := len(wrong) - 1; n > 0 {
		more = fmt.Sprintf(", and %d more tags contradict it", n)
	}
	l.note(`tag %s as %s%s; if the tag is out of date, run "%s fetch --tags --force %s"`, wrong[0], rule, more, GitIn(l.path), URL)
}

// byTags takes the numbers of tags, as far as they rise along the line, and numbers the commits between them on. In a
// shallow clone those stay without: a merge may have brought in more than the line shows.
func (l *mainLine) byTags() []Mark {
	var out []Mark
	var wrong []string
	var last Commit // the newest commit with a number, as counted
	for _, c := range l.commits {
		bs := l.tags.builds[c.ID]
		was := version.Build(0)
		if len(out) > 0 {
			was = out[len(out)-1].Build
		}
		i := slices.IndexFunc(bs, func(b version.Build) bool { return b > was })
		switch {
		case i >= 0:
			out, last = append(out, l.mark(c, bs[i])), c
		case len(out) > 0 && !l.shallow:
			out, last = append(out, l.mark(c, was+c.Build-last.Build)), c
		}
		if len(bs) > 0 && i < 0 {
			wrong = append(wrong, fmt.Sprintf("%s is on commit %.12s, which comes after %s", bs[0], c.ID, was))
		}
	}
	l.contradict(wrong, "tagged along "+l.name.Short())
	if l.shallow {
		l.note(`%s is shallow: of its main line only the %d tagged commits have a number; run "%s fetch --unshallow" for all`,
			l.path, len(out), GitIn(l.path))
	} else {
		l.note("no bN tag of %s agrees with the number of commits before it, so the tags are believed and the count is not; "+
			"a clone of upstream's whole history has both the same", l.path)
	}
	return out
}

// update says how the line becomes newer.
func (l *mainLine) update() string {
	if remote, _, ok := strings.Cut(strings.TrimPrefix(l.name.String(), "refs/remotes/"), "/"); ok && l.name.IsRemote() {
		return fmt.Sprintf(`run "%s fetch %s"`, GitIn(l.path), remote)
	}
	return fmt.Sprintf("bring %s up to date", l.name.Short())
}
