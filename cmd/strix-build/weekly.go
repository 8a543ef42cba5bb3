package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/publish"
	"strix-build/internal/resolve"
	"strix-build/internal/store"
	"strix-build/internal/weekly"
)

// weeklyFlags are what weekly is asked.
type weeklyFlags struct {
	source               buildFlags // sources alone
	bases                string
	keepLocks, behind    bool
	caching              cacheFlags
	gating               recipeGate
	signing              signerFlags
	to                   string
	together             bool
	maxAge, days, newest int
	dryRun, json, fresh  bool
	check                bool // of channels alone
	summary, site        string
}

func (a *app) weeklyCmd() *cobra.Command {
	var o weeklyFlags
	cmd := &cobra.Command{
		Use:   "weekly [TRACK...] [--to REPOSITORY --key FILE]",
		Short: "move to the newest base that fits, build what changed, gate it, publish it, and say what came of it",
		Long: `Does for all recipes of tracks (default: all tracks) what else takes a dozen commands:

  lock       each track's newest base that all its recipes can have (lock --help); a track never goes back, and no recipe stops it: who
             would is left behind, with its channel where it is
  forecast   patch sets that will not apply to what upstream has by now, and the commits that break them
  build      the images whose keys changed, siblings at the same time
  gate       as "recipe" does
  publish    with --to: what its gate let pass becomes the channel, what nothing here could judge a candidate
  prune      old images that nobody needs (prune --help)
  report     with --site: a page of each image and run, and an index (report --help)

With --check it only looks at the ages of channels.

Where no key changed nothing is built, and what is published already is not sent again. One sibling that fails stops no other. Only one weekly
run works with a state folder at a time. One that was interrupted goes on with the bases that it had chosen, if it began less than a day
ago (--fresh: choose anew).

The exit code is the highest of: 0, all is well; 1, a build or the network failed; 2, something in the project's files; 3, a gate refused, or
a channel's image is older than --max-age.`,
		Example: `  strix-build weekly --to ghcr.io/me/llama --key strix-build.key --summary summary.md
  strix-build weekly stable --dry-run`,
		ValidArgsFunction: a.completeTracks,
		RunE: func(cmd *cobra.Command, tracks []string) error {
			if err := o.contradiction(); err != nil {
				return err
			}
			return a.weekly(cmd.Context(), tracks, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.source.sources, "source", nil, "take `NAME=PATH|URL` instead of the remote of llama.cpp, or of a container's part")
	f.StringVar(&o.bases, "bases", resolve.BasesAuto, "container bases: auto, image or bootstrap")
	f.BoolVar(&o.keepLocks, "keep-locks", false, "build from the locks as they are")
	f.BoolVar(&o.behind, "leave-behind", false, "let a track move on without recipes whose patch sets stop to apply (default: it waits for them with its newest base that all can have)")
	o.caching.register(f)
	o.gating.register(f)
	f.StringVar(&o.to, "to", "", "publish to `REPOSITORY`")
	o.signing.add(f, "private key `FILE` that signs what is attached to published images")
	f.BoolVar(&o.together, "together", false, "move the channels of all siblings of a track or none")
	f.IntVar(&o.maxAge, "max-age", 21, "complain of channels whose image is older than `N` days; 0: of none")
	f.IntVar(&o.days, "prune-days", 90, "remove published images older than `N` days that nobody needs; 0: remove none")
	f.IntVar(&o.newest, "prune-keep", 3, "keep the newest `N` images of each recipe, however old")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done; build, send and remove nothing, and write nothing but caches")
	f.BoolVar(&o.check, "check", false, "only look whether channels are older than --max-age: for another machine, which notices that this one no longer runs")
	f.BoolVar(&o.fresh, "fresh", false, "begin anew, also where a run was interrupted")
	f.StringVar(&o.summary, "summary", "", "`FILE` for the summary, as Markdown")
	f.StringVar(&o.site, "site", "", "`DIR` for pages of all images and runs, as report --site writes them; a dry run writes none")
	f.BoolVar(&o.json, "json", false, "print the run as JSON")
	return cmd
}

// contradiction says which flags make no sense together.
func (o *weeklyFlags) contradiction() error {
	switch {
	case o.check && o.to == "":
		return usage("--check looks at published channels: --to REPOSITORY")
	case o.check && o.maxAge == 0:
		return usage("--check looks at ages, and --max-age 0 at none")
	case o.maxAge < 0 || o.days < 0 || o.newest < 0:
		return usage("--max-age, --prune-days and --prune-keep count from 0 on")
	case o.to == "" && !o.signing.nobody():
		return usage("--key and --keyless are for what is published: --to REPOSITORY")
	case o.to == "" && o.together:
		return usage("--together is for what is published: --to REPOSITORY")
	case o.keepLocks && o.behind:
		return usage("--keep-locks refreshes no lock, and --leave-behind says how")
	}
	if o.to != "" && o.to == o.caching.repository {
		return usage("--cache %s: images are published there; give the cache a repository of its own", o.to)
	}
	if err := o.gating.given(); err != nil {
		return err
	}
	if _, err := o.caching.caches(); err != nil {
		return err
	}
	_, err := o.source.options()
	return err
}

// weeklyRun is one that is at work.
type weeklyRun struct {
	*app
	o       weeklyFlags
	run     *weekly.Run
	dir     string // of the books
	p       weeklyProject
	images  *store.Store
	repo    *publish.Repository // nil: nothing is published
	results map[string]*build.Result
	errs    []error
	told    []string // notes
}

// resumeWithin is how long after its beginning an interrupted run goes on. The next week's is another one.
const resumeWithin = 24 * time.Hour

func (a *app) weekly(ctx context.Context, tracks []string, o weeklyFlags) (err error) {
	dir, err := a.weeklyDir()
	if err != nil {
		return err
	}
	if o.check { // like a dry run, which keeps no books and holds no lock
		o.dryRun, o.keepLocks = true, true
	}
	w := &weeklyRun{app: a, o: o, dir: dir, results: map[string]*build.Result{}}
	host, _ := os.Hostname() // only told
	now := time.Now().UTC().Round(time.Second)
	if !o.dryRun {
		release, err := weekly.Take(w.dir, weekly.Owner{PID: os.Getpid(), Host: host, Since: now})
		if err != nil {
			return heldHint(err)
		}
		defer release()
	}
	if err := w.begin(now, host); err != nil {
		return err
	}
	if err := w.prepare(ctx, tracks); err != nil {
		return err
	}
	defer w.p.close()
	if err := w.work(ctx); err != nil { // whoever interrupted it, or books that cannot be kept
		w.printf("weekly, not ended: %s\n", w.run.Headline())
		return errors.Join(err, w.keep(), w.summarize())
	}
	ended := time.Now().UTC().Round(time.Second)
	w.run.Ended = &ended
	kept := w.keep()
	site := w.writeSite(ctx) // of the books, and may add to them
	return errors.Join(kept, site, w.tell(), errors.Join(w.errs...))
}

// weeklyDir is where the books of weekly runs are.
func (a *app) weeklyDir() (string, error) {
	state, err := a.state()
	return filepath.Join(state, "weekly"), err
}

func heldHint(err error) error {
	var held *weekly.HeldError
	if errors.As(err, &held) {
		return &build.HintError{Err: held, Hint: "wait for it, or end it; a process that has ended holds nothing"}
	}
	return err
}

// begin opens the books, or goes on with those of a run that was interrupted.
func (w *weeklyRun) begin(now time.Time, host string) error {
	of, err := w.chosenBy()
	if err != nil {
		return err
	}
	if !w.o.fresh && !w.o.dryRun {
		if old := weekly.Interrupted(w.dir, of, now.Add(-resumeWithin), now); old != nil {
			w.run = old
			w.run.GoOn(now)
			w.printf("going on with the weekly run of %s\n", old.Started.Format(time.RFC3339))
		}
	}
	if w.run == nil {
		w.run = &weekly.Run{Format: weekly.Format, Started: now, Tracks: []weekly.Track{}, Forecast: []weekly.Outlook{}, Siblings: []weekly.Sibling{},
			Channels: []weekly.Channel{}, Pruned: []string{}, Problems: []weekly.Problem{}}
	}
	w.run.Tool, w.run.Of, w.run.Host, w.run.DryRun, w.run.Repository = versionText(), of, host, w.o.dryRun, w.o.to
	return nil
}

// chosenBy is what bases are chosen by. An interrupted run of another project, or with --keep-locks, is none to go on with.
func (w *weeklyRun) chosenBy() (string, error) {
	p, err := w.project()
	if err != nil {
		return "", err
	}
	of := []string{"the data in the program"}
	if p.Dir != "" {
		if of[0], err = filepath.Abs(p.Dir); err != nil {
			return "", err
		}
	}
	if w.o.keepLocks {
		of = append(of, "--keep-locks")
	}
	if w.o.behind {
		of = append(of, "--leave-behind")
	}
	for _, s := range w.o.source.sources {
		of = append(of, "--source "+s)
	}
	return strings.Join(append(of, "--bases "+w.o.bases), " "), nil
}

// keep writes the books down. A dry run has none.
func (w *weeklyRun) keep() error {
	if w.o.dryRun {
		return nil
	}
	return weekly.Keep(w.dir, w.run)
}

// failed notes what went wrong, of the run (sibling nil) or of a sibling.
func (w *weeklyRun) failed(track string, s *weekly.Sibling, err error) {
	w.errs = append(w.errs, err)
	if s == nil {
		said := strings.TrimPrefix(text(err), "track "+track+": ") // which stands beside it
		w.run.Problems = append(w.run.Problems, weekly.Problem{Track: track, Text: said, Hint: hintOf(err)})
		return
	}
	s.State, s.Why, s.Hint = weekly.Failed, text(err), hintOf(err)
	if refusal(err) {
		s.State = weekly.Refused
	}
}

// refusal reports whether everything that is wrong is that something was refused.
func refusal(err error) bool { return reportError(io.Discard, err, nil) == exitRefused }

// tell shows what came of the run.
func (w *weeklyRun) tell() error {
	err := w.summarize() // where it cannot be written, what is printed is all there is
	if !w.o.check {
		w.printf("weekly: %s\n", w.run.Headline())
	}
	switch {
	case w.o.json:
		e := json.NewEncoder(w.out)
		e.SetIndent("", "  ")
		return errors.Join(err, e.Encode(w.run))
	case w.o.check:
		return errors.Join(err, w.run.ChannelText(w.out))
	}
	return errors.Join(err, w.run.Text(w.out))
}

func (w *weeklyRun) summarize() error {
	if w.o.summary == "" {
		return nil
	}
	var b bytes.Buffer
	if err := errors.Join(w.run.Markdown(&b), store.WriteFile(w.o.summary, b.Bytes())); err != nil {
		return fmt.Errorf("--summary: %w", err)
	}
	return nil
}

// work is the order of things.
func (w *weeklyRun) work(ctx context.Context) error {
	if w.o.check {
		return w.channels(ctx)
	}
	for _, track := range w.p.tracks {
		if err := w.refresh(ctx, track); err != nil {
			return err
		}
		if err := w.keep(); err != nil {
			return err
		}
	}
	if err := w.forecast(ctx); err != nil {
		return err
	}
	for _, track := range w.p.tracks {
		if err := w.track(ctx, track); err != nil {
			return err
		}
	}
	if w.repo == nil {
		return nil
	}
	if err := w.prune(ctx); err != nil {
		return err
	}
	return w.channels(ctx)
}
