// Package runner runs llama.cpp's programs: those of a folder, or those of an image with runc, podman or docker; on this host,
// or on another one over ssh.
//
// A program runs to its end, or until its context is cancelled; then it and all that it started are ended before Run
// returns. Where this process is killed, what it asked for is ended all the same, because it holds on to it by a pipe
// (guard.sh). It does not know what the programs do, and it pulls and builds no images.
package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"strix-build/internal/program"
)

// Folder runs the programs of a folder, such as build/bin of a source tree.
type Folder struct {
	On  Host // nil: Here
	Dir string
}

// Has reports whether the folder holds a program.
func (f Folder) Has(ctx context.Context, name string) bool {
	on := orHere(f.On)
	if on == (Here{}) {
		return executable(filepath.Join(f.Dir, name))
	}
	_, err := Output(ctx, on, "sh", "-c", `[ -f "$1" ] && [ -x "$1" ]`, "sh", f.path(name))
	return err == nil
}

func (f Folder) path(name string) string { return filepath.Join(f.Dir, name) }

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// Run runs a program of the folder.
func (f Folder) Run(ctx context.Context, c program.Command) error {
	on := orHere(f.On)
	g, begin := guard{on: on}, append(environment(c, f.path(c.Program)), f.path(c.Program))
	if on == (Here{}) {
		if !executable(f.path(c.Program)) {
			return fmt.Errorf("start %s: no such program in %q", c.Program, f.Dir)
		}
		return g.run(ctx, c, append(begin, c.Args...)...)
	}
	c, undo, err := on.place(ctx, c)
	if err != nil {
		return err
	}
	defer undo()
	g.mark = newMark()
	words := append(begin, c.Args...)
	if c.Used != nil { // only who waits for a program can tell what it took
		self, err := on.self(ctx)
		if err != nil {
			return err
		}
		words = append([]string{self, InsideCommand, g.mark}, words...)
	}
	return g.run(ctx, c, words...)
}

// environment begins the command line of a program that goes without variables, or with more; env(1) of GNU, busybox and BSD has -u.
func environment(c program.Command, path string) []string {
	if len(c.Unset)+len(c.Env) == 0 {
		return nil
	}
	words := []string{"env"}
	for _, name := range c.Unset {
		words = append(words, "-u", name)
	}
	words = append(words, c.Env...)
	if strings.Contains(path, "=") { // env(1) would take it for one more variable
		words = append(words, "/bin/sh", "-c", `exec "$@"`, "sh")
	}
	return words
}
