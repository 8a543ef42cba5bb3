package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// fetchCommits brings the commits of a URL's main line and of heads, with all before them and without their files, into
// a repository below cacheDir. It is apart from what diffs fetch: that has commits whose parents are not there.
func (o *Origin) fetchCommits(ctx context.Context, cacheDir string, heads []string) (dir string, err error) {
	r, err := o.connect(ctx)
	if err != nil {
		return "", err
	}
	tip, err := r.lookup("HEAD")
	if err != nil {
		return "", errors.New("the server does not say which branch is the main one")
	}
	sum := sha256.Sum256([]byte(o.URL))
	dir = filepath.Join(cacheDir, "commits", hex.EncodeToString(sum[:8]))
	st := newStorage(osfs.New(dir))
	defer func() { err = errors.Join(err, st.Close()) }()
	if _, err := git.Init(st, nil); err != nil && !errors.Is(err, git.ErrRepositoryAlreadyExists) {
		return "", err
	}
	wanted := map[plumbing.ReferenceName]plumbing.Hash{plumbing.Master: tip}
	for _, h := range heads {
		wanted[plumbing.ReferenceName("refs/heads/of-"+h)] = plumbing.NewHash(h)
	}
	return dir, r.commits(ctx, st, wanted)
}

// commits fetches what the store lacks of the wanted commits and what is before them. A reference in the store says that
// its commit is there with all before it, so it is set last.
func (r *remote) commits(ctx context.Context, st *filesystem.Storage, wanted map[plumbing.ReferenceName]plumbing.Hash) error {
	var wants, haves []plumbing.Hash
	for name, h := range wanted {
		if ref, err := st.Reference(name); err != nil || ref.Hash() != h {
			wants = append(wants, h)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	if ref, err := st.Reference(plumbing.Master); err == nil {
		haves = append(haves, ref.Hash())
	}
	in, err := newIncoming(st)
	if err != nil {
		return err
	}
	defer in.remove()
	if err := r.fetchSince(ctx, in.store, wants, haves); err != nil {
		return err
	}
	if err := in.adopt(ctx, st); err != nil {
		return err
	}
	for name, h := range wanted {
		if err := st.SetReference(plumbing.NewHashReference(name, h)); err != nil {
			return err
		}
	}
	return nil
}

// fetchSince receives the commits that wants have and haves have not.
func (r *remote) fetchSince(ctx context.Context, st *filesystem.Storage, wants, haves []plumbing.Hash) error {
	req := packp.NewUploadPackRequestFromCapabilities(r.refs.Capabilities)
	req.Wants, req.Haves = wants, haves
	if r.filters() {
		req.Filter = packp.FilterTreeDepth(0)
		_ = req.Capabilities.Set(capability.Filter)
	}
	if r.refs.Capabilities.Supports(capability.NoProgress) {
		_ = req.Capabilities.Set(capability.NoProgress)
	}
	if err := r.receive(ctx, st, req); errors.Is(err, packfile.ErrEmptyPackfile) {
		return nil // haves has the wants
	} else if err != nil {
		return fmt.Errorf("fetch commits up to %s from %s: %w", wants[0], r.url, reason(ctx, err))
	}
	return nil
}
