package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/resolve"
	"strix-build/internal/series"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

func (a *app) patchListCmd() *cobra.Command {
	var (
		bf     buildFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the patch sets; no network",
		Long: `Lists the patch sets: what they are for, where they stand upstream, which builds they are for, and what becomes of
them on the track's base. The last needs the base's files: a clone (--source), or the mirror of an earlier build.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			sets, err := patch.LoadSets(p.FS)
			if err != nil {
				return err
			}
			on, err := a.openBase(cmd.Context(), p, &bf)
			if err != nil {
				return err
			}
			defer on.close()
			rows := []listedSet{}
			for _, s := range sets {
				row, err := on.row(cmd.Context(), p, s)
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
			if asJSON {
				return json.NewEncoder(a.out).Encode(rows)
			}
			return a.printSets(rows, on)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&bf.sources, "source", nil, "read the base's files from the clone `llama.cpp=PATH`")
	fl.StringVar(&bf.track, "track", "stable", "`TRACK` whose base is looked at")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listedSet is what people and programs see of a patch set.
type listedSet struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Class    string   `json:"class"`
	Backends []string `json:"backends"`
	Pull     int      `json:"pull,omitempty"`
	Status   string   `json:"status,omitempty"`
	Windows  []string `json:"windows"`
	Base     string   `json:"base,omitempty"`
	State    string   `json:"state,omitempty"` // on the base; "" where its files are not at hand
}

// trackBase is the base of a track, and its files where they are at hand.
type trackBase struct {
	track  string
	build  version.Build
	tree   patch.Tree // nil: not at hand
	close  func()
	origin *upstream.Origin
	cache  string
}

func (a *app) openBase(ctx context.Context, p project.Project, bf *buildFlags) (*trackBase, error) {
	on := &trackBase{track: bf.track, close: func() {}}
	src, err := bf.source()
	if err != nil {
		return nil, err
	}
	lock, err := recipe.LoadLock(p.FS, bf.track)
	if err != nil {
		return nil, err
	}
	on.build = lock.LlamaCpp.Build
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	on.cache = filepath.Join(dir, "cache")
	if src.Path == "" {
		var ok bool
		if src, ok = upstream.Pinned(ctx, lock.LlamaCpp.Commit.Value, on.cache); !ok {
			return on, nil
		}
	}
	on.origin = &upstream.Origin{Source: src}
	on.tree, on.close, err = series.OpenTree(src.Path, lock.LlamaCpp.Commit.Value)
	if err != nil {
		return nil, fmt.Errorf("the base of track %q: %w", bf.track, err)
	}
	return on, nil
}

func (b *trackBase) row(ctx context.Context, p project.Project, s *patch.Set) (listedSet, error) {
	r := listedSet{Name: s.Name, Title: s.Title.Value, Class: s.Class.Value, Backends: values(s.Backends), Pull: s.Upstream.Pull,
		Status: s.Upstream.Status.Value, Base: b.build.String()}
	for _, v := range s.Variants {
		r.Windows = append(r.Windows, v.Window.String())
	}
	if b.tree == nil {
		return r, nil
	}
	state, err := b.state(ctx, p, s)
	r.State = string(state)
	return r, err
}

// state is that of the set's form for the base, tried behind the sets it requires. A pull request's diff that is not at
// hand leaves it open.
func (b *trackBase) state(ctx context.Context, p project.Project, s *patch.Set) (patch.State, error) {
	open := false
	r, err := fit.StateAt(ctx, p.FS, s, b.build, b.tree, func(ctx context.Context, pull *patch.Pull) ([]byte, error) {
		data, err := resolve.Diff(ctx, b.origin, pull, b.cache)
		open = open || err != nil
		return data, err
	})
	if open {
		return "", nil
	}
	return r.State, err
}

func (a *app) printSets(rows []listedSet, on *trackBase) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "SET\tCLASS\tUPSTREAM\tON %s\tWINDOWS\n", on.build)
	for _, r := range rows {
		state := r.State
		if state == "" {
			state = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Class, upstreamText(r.Pull, r.Status), state, strings.Join(r.Windows, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if on.tree == nil {
		a.printf("the files of %s, track %s's base, are not at hand; give a clone with --source llama.cpp=PATH\n", on.build, on.track)
	}
	return nil
}

// upstreamText is e.g. "#21344 denied".
func upstreamText(pull int, status string) string {
	var words []string
	if pull != 0 {
		words = append(words, fmt.Sprintf("#%d", pull))
	}
	if status != "" {
		words = append(words, status)
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, " ")
}

func values(texts []patch.Text) []string {
	out := []string{}
	for _, t := range texts {
		out = append(out, t.Value)
	}
	return out
}
