// Package miniature holds a tiny project of our own with llama.cpp's shape, and recipes and patch sets for it, so that
// the whole pipeline can be driven on any machine in a minute or two.
//
// It writes them out as a git repository with a short history and a project folder. It does not build them, and it
// knows nothing of recipes or patches beyond copying them.
package miniature

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tree/ is the first commit, history/ the changes after it, project/ the recipes and patch sets.
//
//go:embed tree history project
var embedded embed.FS

// Base is the tag the locks of the project start from.
const Base = "b9909"

// Repo is what Write leaves.
type Repo struct {
	Git     string            // the bare repository, DIR/llama.cpp
	Project string            // recipes/ and patches/ for it, DIR/project; containers and flags.yaml are not in it
	Commits map[string]string // full commit ids: b9100, b9909, b9910, b9912, b9992, and pull-21344 (its head; the base is b9100)
}

// Write makes or completes the repository and the project below dir. It may be called again on what it left, also when
// that was interrupted; files of other names stay. The commit ids are the same everywhere.
func Write(ctx context.Context, dir string) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	repo := &Repo{Git: filepath.Join(dir, "llama.cpp"), Project: filepath.Join(dir, "project")}
	if repo.Commits, err = writeHistory(ctx, repo.Git); err != nil {
		return nil, fmt.Errorf("miniature repository %q: %w", repo.Git, err)
	}
	if err := copyProject(ctx, repo.Project); err != nil {
		return nil, fmt.Errorf("miniature project %q: %w", repo.Project, err)
	}
	return repo, nil
}

// read returns the embedded files below a folder by path. "dot-x" stands for ".x": embedding skips dot files, and a
// .gitignore in our own tree would count there.
func read(folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(embedded, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(name)
		rel := strings.TrimPrefix(name, folder+"/")
		files[strings.ReplaceAll("/"+rel, "/dot-", "/.")[1:]] = data
		return err
	})
	return files, err
}

func copyProject(ctx context.Context, dir string) error {
	files, err := read("project")
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile leaves an equal file alone and puts any other in place whole.
func replaceFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
