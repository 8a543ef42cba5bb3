package miniature

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// objects is the part of a repository that commits are written to.
type objects = storer.EncodedObjectStorer

// open makes the bare repository, or takes the one that is there. As on GitHub, any commit may be fetched by its id.
func open(dir string) (*git.Repository, error) {
	repo, err := git.PlainInit(dir, true)
	if errors.Is(err, git.ErrRepositoryAlreadyExists) {
		repo, err = git.PlainOpen(dir)
	}
	if err != nil {
		return nil, err
	}
	cfg, err := repo.Config()
	if err != nil {
		return nil, err
	}
	const section, key = "uploadpack", "allowAnySHA1InWant"
	if cfg.Raw.Section(section).Option(key) == "true" {
		return repo, nil
	}
	cfg.Raw.Section(section).SetOption(key, "true")
	return repo, repo.SetConfig(cfg)
}

// setRefs makes refs the only references besides HEAD.
func setRefs(store storer.ReferenceStorer, refs map[plumbing.ReferenceName]plumbing.Hash) error {
	iter, err := store.IterReferences()
	if err != nil {
		return err
	}
	var stale []plumbing.ReferenceName
	err = iter.ForEach(func(ref *plumbing.Reference) error {
		if _, ours := refs[ref.Name()]; !ours && ref.Name() != plumbing.HEAD {
			stale = append(stale, ref.Name())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := store.RemoveReference(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if err := store.SetReference(plumbing.NewHashReference(name, refs[name])); err != nil {
			return err
		}
	}
	return nil
}

// storeTree stores the files (path to content, all plain) and the tree objects that list them.
func storeTree(store objects, files map[string][]byte) (plumbing.Hash, error) {
	var tree object.Tree
	folders := map[string]map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if folder, rest, ok := strings.Cut(name, "/"); ok {
			if folders[folder] == nil {
				folders[folder] = map[string][]byte{}
			}
			folders[folder][rest] = files[name]
			continue
		}
		id, err := storeBlob(store, files[name])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: id})
	}
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		id, err := storeTree(store, folders[name])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: id})
	}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return storeObject(store, &tree)
}

func storeBlob(store objects, data []byte) (plumbing.Hash, error) {
	o := store.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write(data); err != nil {
		return plumbing.ZeroHash, errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return store.SetEncodedObject(o)
}

// storeObject stores a tree or a commit.
func storeObject(store objects, o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	encoded := store.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return store.SetEncodedObject(encoded)
}
