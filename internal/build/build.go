// Package build is the order of work: load, pin, make the graph, solve, keep the image. It is the only place where
// the parts meet.
//
// It does not parse flags or print results, and talks to a registry about the compiler's cache alone.
package build

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/sourcegraph/conc/pool"

	"strix-build/internal/diag"
	"strix-build/internal/fleet"
	"strix-build/internal/project"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

// Display shows steps to people. What a solve's steps printed is complete when Feed has returned.
type Display interface {
	Step(name string, fn func(log io.Writer) error) error
	Feed(solve func(status chan *client.SolveStatus) error) error
	Logs(vertex digest.Digest) []byte
}

// Builder does builds for one project.
type Builder struct {
	Project  project.Project
	Images   *store.Store // finished images
	Trees    *store.Store // bases, exported sources, this program
	Cache    string       // folder for what can be fetched again (pull request diffs)
	Builders []Endpoint   // siblings are spread over them
	Caches   Caches
	Display  Display
	Log      *slog.Logger
	Self     string // path of this program, for the library cut
	Tool     string // its version, for records
	Secrets  map[string][]byte
	Mirror   string // debootstrap's mirror, "" for its default

	trees, compressing, pushing sync.Mutex

	early   early // guarded by compressing
	notices notices
}

// Options say what differs from the project's files.
type Options struct {
	Set        []string                   // key=value changes of the recipe
	Source     upstream.Source            // replaces upstream; zero: the lock's URL
	Parts      map[string]upstream.Source // replace the repositories of containers' parts
	Base       string                     // another base than the lock's: bN, commit, branch, or "worktree"
	Track      string                     // another track than the recipe's
	Waive      []string                   // advisories to set aside, by name
	Repository string                     // another image repository
	Force      bool                       // build even where the store has the key
	Name       string                     // what the store calls the image, in place of the recipe's name for it
	Env        []string                   // NAME=VALUE that the image will be run with: rules speak of it, it is not in the image
	Despite    bool                       // plan what rules forbid; the plan says which, and the image is labelled with the advisories

	dry bool // make no base
}

// Target is what a build should produce.
type Target string

// Targets.
const (
	Image  Target = "image"
	Source Target = "source" // the patched tree, a git repository
	Tree   Target = "build"  // the build tree
	Test   Target = "test"   // the image, and its companion with the program that tests operations
)

// Result is one finished build.
type Result struct {
	*store.Record
	UpToDate bool          `json:"upToDate"`          // answered from the key; nothing ran
	Ccache   *Ccache       `json:"ccache,omitempty"`  // of the compile, also where that step came from the cache; nil without its log
	Notes    []string      `json:"notes,omitempty"`   // for people: advisories, patches already upstream, …
	Took     time.Duration `json:"took"`              // in JSON: nanoseconds
	Dir      string        `json:"dir,omitempty"`     // for targets other than image
	Builder  string        `json:"builder,omitempty"` // which of several made it
}

// All builds names, siblings at the same time. One failing sibling does not stop the others; results and errors are
// in the order of names.
func (b *Builder) All(ctx context.Context, names []string, opt Options, target Target, output string) ([]*Result, []error) {
	results, errs := make([]*Result, len(names)), make([]error, len(names))
	release, err := b.Trees.Use()
	if err != nil {
		return results, []error{err}
	}
	defer release()
	r := &run{machines: b.machines(ctx, needs(target)), memory: recall(b.Cache)}
	defer r.machines.Close()
	defer b.early.close()
	p := pool.New().WithMaxGoroutines(max(1, len(names)))
	for i, name := range names {
		p.Go(func() {
			results[i], errs[i] = b.one(ctx, r, name, opt, target, output)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("recipe %s: %w", name, errs[i])
			}
		})
	}
	p.Wait()
	return results, errs
}

// run is what the builds of one call share.
type run struct {
	machines *fleet.Fleet[*machine]
	memory   *memory
}

func (b *Builder) one(ctx context.Context, r *run, name string, opt Options, target Target, output string) (*Result, error) {
	if target == Source {
		return b.patchedTree(ctx, name, opt, output)
	}
	if target == Test {
		return b.companion(ctx, r, name, opt)
	}
	w, err := b.prepare(ctx, name, opt, target, output)
	if err != nil {
		return nil, err
	}
	return w.finish(ctx, r, opt.Force)
}

// prepare finds out all that decides an image, and makes its graph.
func (b *Builder) prepare(ctx context.Context, name string, opt Options, target Target, output string) (*work, error) {
	started := time.Now()
	p, err := b.Plan(name, opt)
	if err != nil {
		return nil, err
	}
	in, err := b.inputs(ctx, p, opt)
	if err != nil {
		return nil, err
	}
	w := &work{b: b, plan: p, in: in, target: target, output: output, called: opt.Name, started: started, made: b.made(p, opt, started)}
	if err := w.checkOutput(); err != nil {
		return nil, err
	}
	return w, w.graph()
}

// finish answers from the store, or builds.
func (w *work) finish(ctx context.Context, r *run, force bool) (*Result, error) {
	if w.keepsImage() && !force {
		if rec, err := w.b.Images.Find(w.name()); err != nil {
			return nil, err
		} else if rec != nil && rec.Key == w.key && rec.Tests == w.testedDigest() {
			rec.Tags = w.tags() // a name for pushing, no input of the build
			return &Result{Record: rec, UpToDate: true, Notes: w.plan.Notes(), Took: time.Since(w.started)}, nil
		}
	}
	image := w.plan.Recipe.ImageName()
	task := fleet.Task{Name: w.plan.Recipe.Name.Value, Last: r.memory.of(image), Bound: w.tested != nil}
	var res *Result
	err := r.machines.Do(ctx, task, func(ctx context.Context, m *machine) error {
		err := m.watched(ctx, m.Watch, func(ctx context.Context) (err error) {
			res, err = w.run(ctx, m)
			return err
		})
		if err != nil {
			return err
		}
		res.Builder = m.name
		if err := r.memory.set(image, m.endpoint); err != nil {
			w.b.Log.Debug("not remembered", "image", image, "builder", m.endpoint, "error", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	res.Notes = append(w.plan.Notes(), res.Notes...)
	res.Took = time.Since(w.started)
	return res, nil
}

// Unlocked is the error for a recipe whose container or patch set the lock does not pin.
func unlocked(p *Plan, at diag.Pos, what, name string) error {
	return problem(at, "run `strix-build lock`", "%s %q is not pinned by track %q", what, name, p.Lock.Track.Value)
}
