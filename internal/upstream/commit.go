package upstream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"strix-build/internal/version"
)

// Commit is a pinned commit of llama.cpp.
type Commit struct {
	ID    string        // full commit id
	Build version.Build // number of commits up to it, upstream's order
	Time  time.Time     // committer's, UTC
	Tree  string        // id of its tree
	Dirty bool          // HEAD of a checkout whose files differ from it; true for the reference HEAD only
}

var (
	// buildForm is what a user may write for a build number. bN is also a possible short commit id; the number wins.
	buildForm  = regexp.MustCompile(`^b?[1-9][0-9]{0,5}$`)
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
	shortForm  = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
	digits     = regexp.MustCompile(`^[0-9a-fA-F]{1,40}$`)
)

// ErrAmbiguous says that several commits have an id that begins as the given one.
var ErrAmbiguous = errors.New("ambiguous; give more digits")

func ambiguous(id string) error { return fmt.Errorf("commit id %q is %w", id, ErrAmbiguous) }

// FindCommit resolves a build number (b9909 or 9909), a commit id, a branch or tag, or HEAD, which "" means too.
//
// In a local repository the number is counted, and bN tags that disagree are wrong, as long as one of the main line's
// agrees; where none does, and in a shallow clone, the tags decide.
// A remote one is asked for its references and for the one commit; nothing is cloned.
func FindCommit(ctx context.Context, src Source, ref string) (Commit, error) {
	if ref == "" {
		ref = "HEAD"
	}
	o := Origin{Source: src}
	return o.Find(ctx, ref)
}

// Origin is a source that is asked several things. A remote one is connected to once: upstream announces tens of
// thousands of references each time.
type Origin struct {
	Source
	remote *remote // set by connect
	silent error   // of the first attempt; a server that is away is not waited for again
}

func (o *Origin) connect(ctx context.Context) (*remote, error) {
	if o.remote != nil || o.silent != nil {
		return o.remote, o.silent
	}
	r, err := dial(ctx, o.URL)
	o.remote = r
	if ctx.Err() == nil {
		o.silent = err
	}
	return r, err
}

// Find is [FindCommit] over a connection that is there.
func (o *Origin) Find(ctx context.Context, ref string) (Commit, error) {
	find := o.findRemote
	if o.Path != "" {
		find = o.findLocal
	}
	c, err := find(ctx, ref)
	if errors.Is(err, ErrNotFound) {
		return Commit{}, fmt.Errorf("resolve source ref %q: %w in %s%s", ref, err, o.Source, o.elsewhere(ref))
	}
	if err != nil {
		return Commit{}, fmt.Errorf("resolve source ref %q in %s: %w", ref, o.Source, err)
	}
	return c, nil
}

// elsewhere says where a reference that was not found may be.
func (o *Origin) elsewhere(ref string) string {
	switch {
	case digits.MatchString(ref) && !shortForm.MatchString(ref) && !buildForm.MatchString(ref):
		return "; of a commit id, give 7 digits or more, in lower case"
	case o.Path != "":
		return fmt.Sprintf(`; if it is newer than the clone, run "%s fetch"`, GitIn(o.Path))
	case buildForm.MatchString(ref):
		return "; not every build has a tag, and a clone knows the others"
	}
	return ""
}

func (o *Origin) findRemote(ctx context.Context, ref string) (Commit, error) {
	r, err := o.connect(ctx)
	if err != nil {
		return Commit{}, err
	}
	return r.find(ctx, ref)
}

func (o *Origin) findLocal(ctx context.Context, ref string) (Commit, error) {
	r, err := open(o.Path)
	if err != nil {
		return Commit{}, err
	}
	defer r.Close()
	h, build, err := r.find(ctx, ref)
	if err != nil {
		return Commit{}, err
	}
	c, err := r.commit(ctx, h)
	if err != nil {
		return Commit{}, err
	}
	if build == 0 {
		if build, err = r.buildOf(ctx, h); err != nil {
			return Commit{}, err
		}
	}
	out := Commit{ID: h.String(), Build: build, Time: c.Committer.When.UTC(), Tree: c.TreeHash.String()}
	if ref == "HEAD" && r.checkout {
		out.Dirty, err = r.dirty()
	}
	return out, err
}

// find returns the commit of a reference, and its build number where looking for it told.
func (r *repository) find(ctx context.Context, ref string) (plumbing.Hash, version.Build, error) {
	var counted error
	if buildForm.MatchString(ref) {
		b, err := version.ParseBuild(ref)
		if err != nil {
			return plumbing.ZeroHash, 0, err
		}
		h, err := r.byBuild(ctx, b)
		if err == nil {
			return h, b, nil
		}
		if ctx.Err() != nil {
			return plumbing.ZeroHash, 0, err
		}
		counted = err
	}
	if counted != nil && r.tagged(ref) {
		return plumbing.ZeroHash, 0, counted // the tag says what is not so
	}
	h, err := r.revision(ref)
	switch {
	case err == nil:
		return h, 0, nil
	case counted != nil && !errors.Is(err, ErrAmbiguous):
		return plumbing.ZeroHash, 0, counted
	case errors.Is(err, plumbing.ErrReferenceNotFound), errors.Is(err, plumbing.ErrObjectNotFound):
		return plumbing.ZeroHash, 0, ErrNotFound
	}
	return plumbing.ZeroHash, 0, err
}

// dirty reports whether files of the checkout differ from HEAD, untracked and not ignored ones included.
func (r *repository) dirty() (bool, error) {
	tree, err := r.Worktree()
	if err != nil {
		return false, fmt.Errorf("read working tree: %w", err)
	}
	status, err := tree.Status()
	if err != nil {
		return false, fmt.Errorf("compare working tree with HEAD: %w", err)
	}
	return !status.IsClean(), nil
}

// PullHead returns the commit that refs/pull/N/head names now, or "" where the source has no such reference.
func PullHead(ctx context.Context, src Source, number int) (string, error) {
	o := Origin{Source: src}
	return o.PullHead(ctx, number)
}

// PullHead is [PullHead] over a connection that is there.
func (o *Origin) PullHead(ctx context.Context, number int) (string, error) {
	name := PullRef(number)
	if o.Path == "" {
		r, err := o.connect(ctx)
		if err != nil {
			return "", err
		}
		return r.pullHead(name), nil
	}
	r, err := open(o.Path)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", o.Source, err)
	}
	defer r.Close()
	ref, err := r.Reference(name, true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s of %s: %w", name, o.Source, err)
	}
	return ref.Hash().String(), nil
}

// PullRef is the reference that a host keeps on a pull request's newest commit.
func PullRef(number int) plumbing.ReferenceName {
	return plumbing.ReferenceName(fmt.Sprintf("refs/pull/%d/head", number))
}

// reason prefers what ended the context to what the interrupted work looked like.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
