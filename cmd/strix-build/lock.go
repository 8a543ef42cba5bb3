package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
)

// lockFlags are those of lock.
type lockFlags struct {
	build   buildFlags // track, base and sources
	bases   string
	keep    bool
	explain bool
	dryRun  bool
	asJSON  bool
}

func (a *app) lockCmd() *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "choose the base commit of a track, and pin it, patch diffs and container bases into recipes/TRACK.lock.yaml",
		Long: `Pins everything that moves into recipes/TRACK.lock.yaml: the base commit and its build number, the digest of each
patch set's diff, and the digest of each container's base image (or its bootstrap, where no registry is in reach).

The base is the newest build that all recipes of the track can have: in every window, with every feature, with a variant
of every patch set that applies, and with no advisory standing against it. What ruled out the newer ones is said on
stderr, in short; with --explain all of it on stdout. --base takes a base that is checked in the same way, --keep the one
the lock has.`,
		Example: `  strix-build lock --source llama.cpp=$HOME/src/llama.cpp
  strix-build lock --explain --dry-run
  strix-build lock --track seed --base b8779`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.lock(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.build.sources, "source", nil, "read commits from `llama.cpp=PATH|URL` instead of upstream")
	fl.StringVar(&f.build.base, "base", "", "pin `REF`: b9909, v0.5.0, a commit, a branch (default: the newest build that fits)")
	fl.BoolVar(&f.keep, "keep", false, "keep the lock's base and read the rest anew")
	fl.StringVar(&f.build.track, "track", "stable", "`TRACK` to lock")
	fl.StringVar(&f.bases, "bases", resolve.BasesAuto, "container bases: auto, image or bootstrap")
	fl.BoolVar(&f.explain, "explain", false, "print what rules out each newer build")
	fl.BoolVar(&f.dryRun, "dry-run", false, "write nothing")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) lock(cmd *cobra.Command, f lockFlags) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	if p.Dir == "" && !f.dryRun {
		return usage("the data in the program cannot be locked; work in a checkout or give --project DIR")
	}
	if f.build.track == "" {
		return usage("--track is empty; name a track, or leave --track out for stable")
	}
	if f.keep && f.build.base != "" {
		return usage("--keep and --base %s contradict each other", f.build.base)
	}
	src, err := f.build.source()
	if err != nil {
		return err
	}
	dir, err := a.state()
	if err != nil {
		return err
	}
	in := resolve.LockInput{FS: p.FS, Track: f.build.track, Source: src, Base: f.build.base, Keep: f.keep, Bases: f.bases,
		CacheDir: filepath.Join(dir, "cache"), Mirror: !f.dryRun}
	var made *resolve.Locked
	failed := a.step("lock: track "+in.Track, func(io.Writer) error {
		made, err = resolve.MakeLock(cmd.Context(), in)
		return asUsage(err)
	})
	if made == nil {
		return failed
	}
	name := recipe.LockFile(in.Track)
	if failed == nil && !f.dryRun {
		if err := resolve.WriteLock(filepath.Join(p.Dir, filepath.FromSlash(name)), made.Lock); err != nil {
			return err
		}
	}
	if err := a.printLock(name, made, f); err != nil {
		return err
	}
	return failed
}

// asUsage gives what resolve says of flags the exit code of other bad flags.
func asUsage(err error) error {
	if bad := (*resolve.InputError)(nil); errors.As(err, &bad) {
		return usage("%s", err)
	}
	return err
}

func (a *app) printLock(name string, made *resolve.Locked, f lockFlags) error {
	if f.asJSON {
		return json.NewEncoder(a.out).Encode(viewLock(name, made, f.dryRun))
	}
	a.notes(made.Notes)
	if s := made.Solution; s != nil && f.explain {
		explainBase(a.out, s)
	} else if s != nil && made.Lock != nil {
		summarise(a.err, s)
	}
	if made.Lock == nil {
		return nil
	}
	dry := ""
	if f.dryRun {
		dry = "; not written"
	}
	_, err := fmt.Fprintf(a.out, "%s: llama.cpp %s, commit %.12s%s\n", name, made.Lock.LlamaCpp.Build, made.Lock.LlamaCpp.Commit, dry)
	return err
}
