package upstream

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func (r *repository) tagged(name string) bool {
	_, err := r.Reference(plumbing.NewTagReferenceName(name), false)
	return err == nil
}

// revision resolves what git calls a revision: a reference or a commit id, and how to go on from there (master~2).
//
// go-git alone takes any few digits for a commit id, and the first of several commits that begin with them: a slip
// would build an arbitrary commit.
func (r *repository) revision(ref string) (plumbing.Hash, error) {
	if strings.Contains(ref, "@{") { // go-git reads past it
		return plumbing.ZeroHash, errors.New("git's log of references is not read; give a commit id, a branch or a tag")
	}
	name, onward := ref, ""
	if i := strings.IndexAny(ref, "~^"); i >= 0 {
		name, onward = ref[:i], ref[i:]
	}
	if digits.MatchString(name) {
		h, err := r.named(name)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		ref = h.String() + onward
	}
	h, err := r.ResolveRevision(plumbing.Revision(ref))
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return *h, nil
}

// named finds what a name of hexadecimal digits stands for: a reference, or the commit whose id begins so.
func (r *repository) named(name string) (plumbing.Hash, error) {
	for _, rule := range plumbing.RefRevParseRules {
		if ref, err := r.Reference(plumbing.ReferenceName(fmt.Sprintf(rule, name)), true); err == nil {
			return ref.Hash(), nil
		}
	}
	switch {
	case commitForm.MatchString(name):
		return plumbing.NewHash(name), nil
	case !shortForm.MatchString(name):
		return plumbing.ZeroHash, ErrNotFound
	}
	return r.shortID(name)
}

func (r *repository) shortID(id string) (plumbing.Hash, error) {
	prefix, err := hex.DecodeString(id[:len(id)&^1])
	if err != nil {
		return plumbing.ZeroHash, err
	}
	all, err := r.storage.HashesWithPrefix(prefix)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("look for commit ids that begin with %s: %w", id, err)
	}
	found := plumbing.ZeroHash
	for _, h := range all {
		if h == found || !strings.HasPrefix(h.String(), id) {
			continue
		}
		if _, err := object.GetCommit(r.storage, h); err != nil {
			continue // a file or a folder: as for git, no commit is meant by it
		}
		if !found.IsZero() {
			return plumbing.ZeroHash, ambiguous(id)
		}
		found = h
	}
	if found.IsZero() {
		return found, ErrNotFound
	}
	return found, nil
}
