package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
)

func (a *app) lockCmd() *cobra.Command {
	var (
		bf    buildFlags
		bases string
	)
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "pin base commit, patch diffs and container bases into recipes/TRACK.lock.yaml",
		Long: `Pins everything that moves into recipes/TRACK.lock.yaml: the base commit and its build number, the digest of each
patch set's diff, and the digest of each container's base image (or its bootstrap, where no registry is in reach).

Without --base the commit stays what it is and the rest is read anew.`,
		Example: `  strix-build lock --base b9909
  strix-build lock --base b9909 --source llama.cpp=$HOME/src/llama.cpp`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			if p.Dir == "" {
				return usage("the data in the program cannot be locked; work in a checkout or give --project DIR")
			}
			src, err := bf.source()
			if err != nil {
				return err
			}
			dir, err := a.state()
			if err != nil {
				return err
			}
			track := bf.track
			if track == "" {
				track = "stable"
			}
			in := resolve.LockInput{FS: p.FS, Track: track, Source: src, Base: bf.base, Bases: bases, CacheDir: filepath.Join(dir, "cache")}
			lock, notes, err := a.makeLock(cmd, in)
			if err != nil {
				return err
			}
			for _, n := range notes {
				a.printf("note: %s\n", n)
			}
			file := filepath.Join(p.Dir, "recipes", track+".lock.yaml")
			if err := resolve.WriteLock(file, lock); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "recipes/%s.lock.yaml: llama.cpp %s, commit %.12s\n", track, lock.LlamaCpp.Build, lock.LlamaCpp.Commit)
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&bf.sources, "source", nil, "read commits from `llama.cpp=PATH|URL` instead of upstream")
	fl.StringVar(&bf.base, "base", "", "`REF` of the base commit: b9909, a commit, a branch")
	fl.StringVar(&bf.track, "track", "stable", "`TRACK` to lock")
	fl.StringVar(&bases, "bases", resolve.BasesAuto, "container bases: auto, image or bootstrap")
	return cmd
}

// makeLock shows the work as one step: it may fetch.
func (a *app) makeLock(cmd *cobra.Command, in resolve.LockInput) (lock *recipe.Lock, notes []string, err error) {
	d, done, err := a.newDisplay(true)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	err = d.Step("lock: track "+in.Track, func(io.Writer) error {
		lock, notes, err = resolve.MakeLock(cmd.Context(), in)
		return err
	})
	return lock, notes, err
}
