package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"strix-build/internal/version"
)

// remote is a repository behind a URL, with the references it announced.
//
// It speaks to upload-pack itself instead of using go-git's Remote, because that one has no filters: with them the
// server sends a commit, or the trees of two, without the files.
type remote struct {
	url     string
	session transport.UploadPackSession
	refs    *packp.AdvRefs
}

// ErrNoBuild says that a server does not tell a commit's build number.
var ErrNoBuild = errors.New("its build number is unknown")

// SilentError says that a server did not list its references, for whatever reason.
type SilentError struct {
	URL string
	Err error
}

func (e *SilentError) Error() string { return fmt.Sprintf("list references of %s: %s", e.URL, e.Err) }

func (e *SilentError) Unwrap() error { return e.Err }

// dial asks a repository for its references.
func dial(ctx context.Context, url string) (*remote, error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", url, err)
	}
	session, err := http.DefaultClient.NewUploadPackSession(ep, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, &SilentError{url, reason(ctx, err)}
	}
	return &remote{url: url, session: session, refs: refs}, nil
}

func (r *remote) find(ctx context.Context, ref string) (Commit, error) {
	h, err := r.lookup(ref)
	if err != nil {
		return Commit{}, err
	}
	b := r.buildOf(h, ref)
	if b == 0 {
		return Commit{}, fmt.Errorf("no bN tag is on commit %s, so %w; "+
			"give a tagged build, or a clone, where commits can be counted", h, ErrNoBuild)
	}
	st, done, err := tempStorage("")
	if err != nil {
		return Commit{}, err
	}
	defer done()
	if err := r.fetchInto(ctx, st, []plumbing.Hash{h}, 1, packp.FilterTreeDepth(0)); err != nil {
		return Commit{}, err
	}
	c, err := object.GetCommit(st, h)
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", h, err)
	}
	return Commit{ID: h.String(), Build: b, Time: c.Committer.When.UTC(), Tree: c.TreeHash.String()}, nil
}

// lookup finds the commit of a reference among those announced.
func (r *remote) lookup(ref string) (plumbing.Hash, error) {
	if ref == "HEAD" && r.refs.Head != nil {
		return *r.refs.Head, nil
	}
	if buildForm.MatchString(ref) {
		if h, ok := r.target("refs/tags/b" + strings.TrimPrefix(ref, "b")); ok {
			return h, nil
		}
	}
	for _, prefix := range []string{"refs/heads/", "refs/tags/", ""} {
		if h, ok := r.target(prefix + ref); ok {
			return h, nil
		}
	}
	if shortForm.MatchString(ref) {
		return r.lookupID(ref)
	}
	return plumbing.ZeroHash, ErrNotFound
}

// lookupID finds a commit id by its beginning. A full one needs no reference that points to it.
func (r *remote) lookupID(id string) (plumbing.Hash, error) {
	if commitForm.MatchString(id) {
		return plumbing.NewHash(id), nil
	}
	var found plumbing.Hash
	for name := range r.refs.References {
		h, _ := r.target(name)
		if !strings.HasPrefix(h.String(), id) || h == found {
			continue
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

// target is what a reference points to, behind an annotated tag.
func (r *remote) target(name string) (plumbing.Hash, bool) {
	if h, ok := r.refs.Peeled[name]; ok {
		return h, true
	}
	h, ok := r.refs.References[name]
	return h, ok
}

// buildOf is the number that a tag on the commit says: of several the one that was asked for, else the lowest.
func (r *remote) buildOf(h plumbing.Hash, ref string) version.Build {
	if asked, err := version.ParseBuild(ref); err == nil && buildForm.MatchString(ref) {
		if t, _ := r.target("refs/tags/" + asked.String()); t == h {
			return asked
		}
	}
	var found version.Build
	for name := range r.refs.References {
		tag, ok := strings.CutPrefix(name, "refs/tags/")
		if !ok || !buildTag.MatchString(tag) {
			continue
		}
		if t, _ := r.target(name); t != h {
			continue
		}
		if b, err := version.ParseBuild(tag); err == nil && (found == 0 || b < found) {
			found = b
		}
	}
	return found
}

func (r *remote) pullHead(name plumbing.ReferenceName) string {
	if h, ok := r.target(name.String()); ok {
		return h.String()
	}
	return ""
}

// filters reports whether the server can leave objects out.
func (r *remote) filters() bool { return r.refs.Capabilities.Supports(capability.Filter) }

// fetch stores the wanted objects and what they refer to, commits to the given depth (0: no limit), less what the
// filter leaves out where the server knows filters. Other processes may use the store.
func (r *remote) fetch(ctx context.Context, st *filesystem.Storage, wants []plumbing.Hash, depth int, filter packp.Filter) error {
	in, err := newIncoming(st)
	if err != nil {
		return err
	}
	defer in.remove()
	if err := r.fetchInto(ctx, in.store, wants, depth, filter); err != nil {
		return err
	}
	return in.adopt(ctx, st)
}

// fetchInto is fetch into a store that nobody else uses yet.
func (r *remote) fetchInto(ctx context.Context, st *filesystem.Storage, wants []plumbing.Hash, depth int, filter packp.Filter) error {
	req := packp.NewUploadPackRequestFromCapabilities(r.refs.Capabilities)
	req.Wants = wants
	if depth > 0 {
		req.Depth = packp.DepthCommits(depth)
		_ = req.Capabilities.Set(capability.Shallow)
	}
	if filter != "" && r.filters() {
		req.Filter = filter
		_ = req.Capabilities.Set(capability.Filter)
	}
	if r.refs.Capabilities.Supports(capability.NoProgress) {
		_ = req.Capabilities.Set(capability.NoProgress)
	}
	if err := r.receive(ctx, st, req); err != nil {
		return fmt.Errorf("fetch %s from %s: %w", wants[0], r.url, reason(ctx, err))
	}
	return nil
}

// fetchFiles stores blobs, or from a server that hands out no single files the commits with all of theirs.
func (r *remote) fetchFiles(ctx context.Context, st *filesystem.Storage, blobs, commits []plumbing.Hash) error {
	if r.filters() && r.fetch(ctx, st, blobs, 0, "") == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.fetch(ctx, st, commits, 1, "")
}

func (r *remote) receive(ctx context.Context, st *filesystem.Storage, req *packp.UploadPackRequest) (err error) {
	res, err := r.session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	return packfile.UpdateObjectStorage(st, demux(req.Capabilities, res))
}

// demux takes the pack out of the channels the server mixes with it.
func demux(caps *capability.List, res io.Reader) io.Reader {
	switch {
	case caps.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, res)
	case caps.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, res)
	}
	return res
}

// tempStorage is an object store for one question, in parent or, for "", where the system keeps temporary files; done
// removes it.
func tempStorage(parent string) (st *filesystem.Storage, done func(), err error) {
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return nil, nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, "strix-build-git-")
	if err != nil {
		return nil, nil, err
	}
	st = newStorage(osfs.New(dir))
	return st, func() { _ = st.Close(); _ = os.RemoveAll(dir) }, st.Init()
}
