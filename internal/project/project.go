// Package project finds the recipes, patch sets and containers to work with: a folder's, or the ones in the program.
//
// It does not read or check them.
package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/containers"
	"strix-build/patches"
	"strix-build/recipes"
)

// Project is where the data comes from.
type Project struct {
	FS  fs.FS
	Dir string // "" for the embedded one
}

var parts = []string{"recipes", "patches", "containers"}

// Parts are the folders of a project.
func Parts() []string { return slices.Clone(parts) }

// Open takes dir; or, when it is empty, the nearest folder above the working directory that holds all three parts;
// or the embedded data.
func Open(dir string) (Project, error) {
	if dir != "" {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return Project{}, fmt.Errorf("project %q: no such folder", dir)
		}
		if missing := missing(dir); missing != "" {
			return Project{}, fmt.Errorf("project %q has no folder %q", dir, missing)
		}
		return Project{FS: os.DirFS(dir), Dir: dir}, nil
	}
	at, err := os.Getwd()
	for err == nil {
		if missing(at) == "" && isOurs(at) {
			return Project{FS: os.DirFS(at), Dir: at}, nil
		}
		up := filepath.Dir(at)
		if up == at {
			break
		}
		at = up
	}
	return Embedded(), nil
}

// Embedded is the data the program was built with.
func Embedded() Project {
	return Project{FS: union{"recipes": recipes.FS, "patches": patches.FS, "containers": containers.FS}}
}

// String names the place for people.
func (p Project) String() string {
	if p.Dir == "" {
		return "the data in the program"
	}
	return p.Dir
}

func missing(dir string) string {
	for _, p := range parts {
		if st, err := os.Stat(filepath.Join(dir, p)); err != nil || !st.IsDir() {
			return p
		}
	}
	return ""
}

// isOurs keeps an unrelated folder with three common names from being taken for a project.
func isOurs(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "recipes", "flags.yaml"))
	return err == nil
}

// union puts the embedded folders under their names.
type union map[string]fs.FS

func (u union) Open(name string) (fs.File, error) {
	top, rest, found := strings.Cut(name, "/")
	if !found {
		rest = "."
	}
	sub, ok := u[top]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := sub.Open(rest)
	var e *fs.PathError
	if errors.As(err, &e) { // by the name that was asked for
		err = &fs.PathError{Op: e.Op, Path: name, Err: e.Err}
	}
	return f, err
}
