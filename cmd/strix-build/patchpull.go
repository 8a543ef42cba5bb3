package main

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/patch"
	"strix-build/internal/series"
	"strix-build/internal/upstream"
)

func (a *app) patchPullCmd() *cobra.Command {
	var (
		opt     series.PullOptions
		sources []string
	)
	cmd := &cobra.Command{
		Use:   "pull NUMBER",
		Short: "vendor a pull request: its commits as patch files, with where they are from",
		Long: `Writes the commits of a pull request's head, as it is now, as a series into patches/SET/FOLDER: one file a commit, each
with a header that names the pull request, base, head, commit, author and date. patchset.yaml gets a variant for them:
in place of the pinned pull request, or for the one build they were made on. Files of an earlier pull are replaced, unless somebody edited them.

Base and head are kept in the state folder, so that a force push loses neither.`,
		Example: `  strix-build patch pull 21344
  strix-build patch pull 25720 --set draft-outputs --source llama.cpp=$HOME/src/llama.cpp`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.writableProject()
			if err != nil {
				return err
			}
			if opt.Number, err = pullNumber(args[0]); err != nil {
				return err
			}
			if err := setFor(p.FS, &opt); err != nil {
				return err
			}
			o, cache, err := a.origin(sources, lockedURL(p))
			if err != nil {
				return err
			}
			opt.URL = lockedURL(p)
			var v *series.Vendored
			err = a.step(fmt.Sprintf("patch pull: pull request %d of %s", opt.Number, o.Source), func(io.Writer) error {
				v, err = series.Vendor(cmd.Context(), o, cache, opt)
				return err
			})
			if err != nil {
				return seriesError(err)
			}
			notes, err := v.Write(p.Dir)
			if err != nil {
				return seriesError(err)
			}
			return a.pulled(p.FS, v, append(v.Notes, notes...))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&opt.Set, "set", "", "patch set `NAME` to write to; made where it is not there (default: the set of this pull request)")
	fl.StringVar(&opt.Series, "series", "", "`FOLDER` for the files (default: the base's build, e.g. b9100)")
	fl.BoolVar(&opt.Squash, "squash", false, "one file for the whole, for a pull request with merges in it")
	fl.BoolVar(&opt.Force, "force", false, "replace files that were edited since they were vendored")
	fl.StringVar(&opt.Class, "class", "performance", "`CLASS` of a set that is made: performance, correctness or build")
	fl.StringArrayVar(&sources, "source", nil, "read the pull request from `llama.cpp=PATH|URL` instead of upstream")
	_ = cmd.RegisterFlagCompletionFunc("set", a.completeSets)
	return cmd
}

// origin is the source that flags name, or url, and the folder for what is fetched from it.
func (a *app) origin(sources []string, url string) (*upstream.Origin, string, error) {
	bf := buildFlags{sources: sources}
	src, err := bf.source()
	if err != nil {
		return nil, "", err
	}
	if src == (upstream.Source{}) {
		src.URL = url
	}
	dir, err := a.state()
	return &upstream.Origin{Source: src}, filepath.Join(dir, "cache"), err
}

func pullNumber(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "#"))
	if err != nil || n <= 0 {
		return 0, usage("pull: %q is not the number of a pull request", s)
	}
	return n, nil
}

var setName = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]*$`)

// setFor finds the set that says the pull request is its own, where none is named, and what it says of it.
func setFor(fsys fs.FS, opt *series.PullOptions) error {
	if opt.Set != "" && !setName.MatchString(opt.Set) {
		return usage("--set %q: a patch set's name may have lower-case letters, digits and . _ + - only", opt.Set)
	}
	sets, err := patch.LoadSets(fsys)
	if err != nil {
		return err
	}
	var of []string
	for _, s := range sets {
		if s.Upstream.Pull != opt.Number {
			continue
		}
		of = append(of, s.Name)
		if opt.Set == "" || opt.Set == s.Name {
			opt.Status = s.Upstream.Status.Value
		}
	}
	if opt.Set != "" {
		return nil
	}
	if len(of) != 1 {
		return usage("%d patch sets are of pull request %d; give the one to write to with --set NAME", len(of), opt.Number)
	}
	opt.Set = of[0]
	return nil
}

func (a *app) pulled(fsys fs.FS, v *series.Vendored, notes []string) error {
	folder := &series.Folder{Set: v.Set, Series: v.Series, Files: v.Files}
	if err := a.fates(folder); err != nil {
		return err
	}
	a.printf("pull request head %.12s, made on %s (%.12s)\n", v.Head, v.Base.Build, v.Base.ID)
	a.notes(notes)
	if folder.Changed() {
		a.remindOfLock(fsys, []*series.Folder{folder})
	}
	return nil
}
