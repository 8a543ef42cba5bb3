package miniature

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// step is one commit. Its patch file carries the change, the message and the time.
type step struct {
	name   string // what Repo.Commits calls it
	parent string // "": the first commit, tree/ itself
	patch  string
	refs   []plumbing.ReferenceName
}

const pullRef plumbing.ReferenceName = "refs/pull/21344/head"

// history is as in llama.cpp where it matters: build numbers are tags, the pull request was made on an older commit
// than the base and applies there with an offset, a later commit contains a patch we carry, and one after that
// takes away the lines the pull request changes.
var history = []step{
	{name: "b9100", refs: tags("b9100")},
	{name: "pull-21344-1", parent: "b9100", patch: "history/pull-21344/0001.patch"},
	{name: "pull-21344", parent: "pull-21344-1", patch: "history/pull-21344/0002.patch", refs: []plumbing.ReferenceName{pullRef}},
	{name: Base, parent: "b9100", patch: "history/b9909.patch", refs: tags(Base)},
	{name: "b9910", parent: Base, patch: "history/b9910.patch", refs: tags("b9910")},
	{name: "b9912", parent: "b9910", patch: "project/patches/already/b9900/0001-llama-bench-refuse-less-than-one-thread.patch", refs: tags("b9912")},
	{name: "b9992", parent: "b9912", patch: "history/b9992.patch", refs: append(tags("b9992"), plumbing.Master)},
}

func tags(name string) []plumbing.ReferenceName {
	return []plumbing.ReferenceName{plumbing.NewTagReferenceName(name)}
}

// revision is a commit and the files it holds.
type revision struct {
	id    plumbing.Hash
	files map[string][]byte
}

// writeHistory stores every commit in the bare repository at dir, then sets the references.
func writeHistory(ctx context.Context, dir string) (map[string]string, error) {
	repo, err := open(dir)
	if err != nil {
		return nil, err
	}
	done := map[string]revision{}
	ids := map[string]string{}
	refs := map[plumbing.ReferenceName]plumbing.Hash{}
	for _, s := range history {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rev, err := s.commit(repo.Storer, done[s.parent])
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", s.name, err)
		}
		done[s.name], ids[s.name] = rev, rev.id.String()
		for _, ref := range s.refs {
			refs[ref] = rev.id
		}
	}
	delete(ids, "pull-21344-1")
	return ids, setRefs(repo.Storer, refs)
}

func (s step) commit(store objects, parent revision) (revision, error) {
	who := object.Signature{
		Name: "strix-build", Email: "strix-build@example.invalid",
		When: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC),
	}
	c := &object.Commit{Message: "miniature of llama.cpp\n"}
	var files map[string][]byte
	var err error
	if s.parent == "" {
		files, err = read("tree")
	} else {
		c.ParentHashes = []plumbing.Hash{parent.id}
		files, err = s.apply(parent.files, c, &who)
	}
	if err != nil {
		return revision{}, err
	}
	c.Author, c.Committer = who, who
	if c.TreeHash, err = storeTree(store, files); err != nil {
		return revision{}, err
	}
	id, err := storeObject(store, c)
	return revision{id, files}, err
}

// apply returns the files with the step's patch applied; message and time go to the commit and who.
func (s step) apply(files map[string][]byte, c *object.Commit, who *object.Signature) (map[string][]byte, error) {
	data, err := embedded.ReadFile(s.patch)
	if err != nil {
		return nil, err
	}
	diffs, preamble, err := gitdiff.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.patch, err)
	}
	header, err := gitdiff.ParsePatchHeader(preamble)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.patch, err)
	}
	c.Message, who.When = strings.TrimSpace(header.Message())+"\n", header.AuthorDate.UTC()
	return applyDiffs(files, diffs)
}

// applyDiffs knows changed and new files; no patch of the history deletes or renames one.
func applyDiffs(files map[string][]byte, diffs []*gitdiff.File) (map[string][]byte, error) {
	files = maps.Clone(files)
	for _, diff := range diffs {
		var out bytes.Buffer
		var src io.ReaderAt = bytes.NewReader(files[diff.OldName])
		if err := gitdiff.Apply(&out, src, diff); err != nil {
			return nil, fmt.Errorf("%s: %w", diff.NewName, err)
		}
		files[diff.NewName] = out.Bytes()
	}
	return files, nil
}
