package series

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

// Standing is where the pull request of a patch set stands. Git alone answers, so whether one is open or closed is not in
// it.
type Standing struct {
	Set    string
	Pull   int
	Status string   // what the set says, one of Yocto's words
	Pinned []string // heads that the set pins, or that its vendored files are from
	Head   string   // now; "": the source has no such reference
	Clone  bool     // the source is a clone, which may lack references that the server has
	Merge
	Superseded []Merge // the pull requests that the set says carry the idea, in its order
}

// Merge is how the main line has a pull request.
type Merge struct {
	Pull     int
	Mark     *upstream.Mark // the first commit that has it; nil: none, or nothing tells
	Ancestor bool           // the head itself is in the main line; else a subject says "(#N)"
}

// HeadState is a pinned head against the reference of now.
type HeadState string

// States of a head.
const (
	HeadSame   HeadState = "same"
	HeadMoved  HeadState = "moved"
	HeadGone   HeadState = "gone"     // the server has no such reference any more
	HeadAbsent HeadState = "not here" // nor has the clone, which says nothing of the server
	HeadUnused HeadState = "not pinned"
)

// HeadState compares what is pinned with what is there now. Of several pinned heads the newest counts, and which that
// is nobody knows: one that is the head of now is enough.
func (s *Standing) HeadState() HeadState {
	switch {
	case s.Head == "" && s.Clone:
		return HeadAbsent
	case s.Head == "":
		return HeadGone
	case len(s.Pinned) == 0:
		return HeadUnused
	case slices.Contains(s.Pinned, s.Head):
		return HeadSame
	}
	return HeadMoved
}

// InBase reports whether a build has the pull request.
func (m Merge) InBase(b version.Build) bool { return m.Mark != nil && m.Mark.Build <= b }

// Standings asks the source about the pull requests of sets, in their order; sets without one are left out.
func Standings(ctx context.Context, o *upstream.Origin, cacheDir string, fsys fs.FS, sets []*patch.Set) ([]*Standing, error) {
	var out []*Standing
	var numbers []int
	after := version.Build(0)
	for _, set := range sets {
		if set.Upstream.Pull == 0 {
			continue
		}
		pinned, err := pinnedHeads(fsys, set)
		if err != nil {
			return nil, err
		}
		head, err := o.PullHead(ctx, set.Upstream.Pull)
		if err != nil {
			return nil, err
		}
		s := &Standing{Set: set.Name, Pull: set.Upstream.Pull, Status: set.Upstream.Status.Value, Pinned: pinned, Head: head, Clone: o.Path != ""}
		for _, n := range set.Upstream.SupersededBy {
			s.Superseded = append(s.Superseded, Merge{Pull: n})
		}
		numbers = append(append(numbers, s.Pull), set.Upstream.SupersededBy...)
		for _, v := range set.Variants {
			if lo := v.Window.Lo(); after == 0 || lo < after {
				after = lo
			}
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, nil
	}
	a, err := o.Ancestry(ctx, cacheDir)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	merged, err := a.Merged(ctx, after, numbers)
	if err != nil {
		return nil, err
	}
	for _, s := range out {
		if err := s.merges(ctx, a, merged); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Standing) merges(ctx context.Context, a *upstream.Ancestry, merged map[int]upstream.Mark) error {
	s.Merge = mergeOf(s.Pull, merged)
	for _, head := range append(slices.Clone(s.Pinned), s.Head) {
		if head == "" {
			continue
		}
		if m, ok, err := a.Contains(ctx, head); err != nil {
			return err
		} else if ok {
			s.Merge = Merge{Pull: s.Pull, Mark: &m, Ancestor: true}
		}
	}
	for i := range s.Superseded {
		s.Superseded[i] = mergeOf(s.Superseded[i].Pull, merged)
	}
	return nil
}

func mergeOf(n int, merged map[int]upstream.Mark) Merge {
	m := Merge{Pull: n}
	if mark, ok := merged[n]; ok {
		m.Mark = &mark
	}
	return m
}

// originHead is what a vendored file's Origin says.
var originHead = regexp.MustCompile(`/pull/([0-9]+), .*\bhead ([0-9a-f]{40})`)

// pinnedHeads are the heads of the set's pull request that its variants pin or were made of.
func pinnedHeads(fsys fs.FS, set *patch.Set) ([]string, error) {
	var out []string
	for _, v := range set.Variants {
		if v.Pull != nil {
			if v.Pull.Number == set.Upstream.Pull {
				out = append(out, v.Pull.Head.Value)
			}
			continue
		}
		files, err := fs.Glob(fsys, path.Join("patches", set.Name, v.Series.Value, "*.patch"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			head, err := vendoredFrom(fsys, f, set.Upstream.Pull)
			if err != nil {
				return nil, err
			}
			if head != "" {
				out = append(out, head)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func vendoredFrom(fsys fs.FS, file string, pull int) (string, error) {
	data, err := fs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	h, err := patch.ReadHeader(data)
	if err != nil {
		return "", nil //nolint:nilerr // lint tells of it
	}
	m := originHead.FindStringSubmatch(h.Origin)
	if m == nil || m[1] != strconv.Itoa(pull) {
		return "", nil
	}
	return m[2], nil
}
