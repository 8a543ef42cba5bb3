package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/series"
	"strix-build/internal/version"
)

func (a *app) patchStatusCmd() *cobra.Command {
	var (
		sources []string
		track   string
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "status [SET...]",
		Short: "ask upstream where the patch sets' pull requests stand",
		Long: `Asks the repository about the pull requests of the patch sets: whether the head moved since it was pinned, whether the
main line has it and since which build (the head itself, or a commit whose subject ends in its number), whether the
track's base has it, and the same of the pull requests that carry the idea on.

References and commits are all that is read. Whether a pull request is open git does not know.`,
		ValidArgsFunction: a.completeSets,
		RunE: func(cmd *cobra.Command, names []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			lock, err := recipe.LoadLock(p.FS, track)
			if err != nil {
				return err
			}
			var sets []*patch.Set
			if len(names) == 0 {
				sets, err = patch.LoadSets(p.FS)
			}
			for _, n := range names {
				s, e := patch.LoadSet(p.FS, n)
				if err = e; err != nil {
					break
				}
				sets = append(sets, s)
			}
			if err != nil {
				return err
			}
			o, cache, err := a.origin(sources, lockedURL(p))
			if err != nil {
				return err
			}
			var all []*series.Standing
			err = a.step(fmt.Sprintf("patch status: %s", o.Source), func(io.Writer) error {
				all, err = series.Standings(cmd.Context(), o, cache, p.FS, sets)
				return err
			})
			if err != nil {
				return err
			}
			return a.printStandings(all, lock.LlamaCpp.Build, asJSON)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&sources, "source", nil, "ask `llama.cpp=PATH|URL` instead of upstream")
	fl.StringVar(&track, "track", "stable", "`TRACK` whose base is looked at")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// standingView is what programs see of a pull request's standing.
type standingView struct {
	Set        string      `json:"set"`
	Pull       int         `json:"pull"`
	Status     string      `json:"status,omitempty"`
	Pinned     []string    `json:"pinned"`
	Head       string      `json:"head,omitempty"`
	HeadState  string      `json:"head-state"`
	Merged     *mergeView  `json:"merged,omitempty"`
	Superseded []mergeView `json:"superseded"`
}

type mergeView struct {
	Pull     int    `json:"pull"`
	Commit   string `json:"commit,omitempty"` // "": the main line does not have it
	Build    string `json:"build,omitempty"`
	Ancestor bool   `json:"ancestor,omitempty"` // the head itself; else found by a subject
	InBase   bool   `json:"in-base"`
}

func viewMerge(m series.Merge, base version.Build) mergeView {
	v := mergeView{Pull: m.Pull, Ancestor: m.Ancestor, InBase: m.InBase(base)}
	if m.Mark != nil {
		v.Commit, v.Build = m.Mark.ID, m.Mark.Build.String()
	}
	return v
}

func viewStanding(s *series.Standing, base version.Build) standingView {
	v := standingView{Set: s.Set, Pull: s.Pull, Status: s.Status, Pinned: append([]string{}, s.Pinned...), Head: s.Head,
		HeadState: string(s.HeadState()), Superseded: []mergeView{}}
	if s.Mark != nil {
		m := viewMerge(series.Merge{Pull: s.Pull, Mark: s.Mark, Ancestor: s.Ancestor}, base)
		v.Merged = &m
	}
	for _, m := range s.Superseded {
		v.Superseded = append(v.Superseded, viewMerge(m, base))
	}
	return v
}

func (a *app) printStandings(all []*series.Standing, base version.Build, asJSON bool) error {
	if asJSON {
		views := []standingView{}
		for _, s := range all {
			views = append(views, viewStanding(s, base))
		}
		return json.NewEncoder(a.out).Encode(views)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "SET\tPULL\tSTATUS\tHEAD\tMAIN LINE\tIN %s\tCARRIED ON BY\n", base)
	for _, s := range all {
		fmt.Fprintf(w, "%s\t#%d\t%s\t%s\t%s\t%s\t%s\n", s.Set, s.Pull, orDash(s.Status), headText(s), mergedText(s.Merge), yesNo(s.InBase(base)),
			carriedText(s.Superseded))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		a.advise(s, base)
	}
	return nil
}

// advise says what a standing asks for.
func (a *app) advise(s *series.Standing, base version.Build) {
	switch s.HeadState() {
	case series.HeadMoved:
		a.printf("%s: the head of pull request %d moved; git diff %.12s %.12s shows how, `strix-build patch pull %d --set %s` takes it\n",
			s.Set, s.Pull, s.Pinned[len(s.Pinned)-1], s.Head, s.Pull, s.Set)
	case series.HeadGone:
		if len(s.Pinned) > 0 {
			a.printf("%s: the server has no pull request %d any more; `strix-build patch pull` cannot vendor it from there, the mirror keeps what was built\n",
				s.Set, s.Pull)
		}
	}
	if s.InBase(base) && a.windowHas(s.Set, base) {
		a.printf("%s: %s has pull request %d; end the set's window at %s\n", s.Set, base, s.Pull, s.Mark.Build)
	}
}

// windowHas reports whether a set says it is for a build.
func (a *app) windowHas(name string, b version.Build) bool {
	p, err := a.project()
	if err != nil {
		return false
	}
	set, err := patch.LoadSet(p.FS, name)
	if err != nil {
		return false
	}
	_, err = set.Variant(b)
	return err == nil
}

func headText(s *series.Standing) string {
	state := s.HeadState()
	if s.Head == "" {
		return string(state)
	}
	return fmt.Sprintf("%.9s %s", s.Head, state)
}

func mergedText(m series.Merge) string {
	if m.Mark == nil {
		return "no"
	}
	return fmt.Sprintf("%s, %.9s", m.Mark.Build, m.Mark.ID)
}

func carriedText(ms []series.Merge) string {
	var out []string
	for _, m := range ms {
		where := "not yet"
		if m.Mark != nil {
			where = m.Mark.Build.String()
		}
		out = append(out, fmt.Sprintf("#%d %s", m.Pull, where))
	}
	return orDash(strings.Join(out, ", "))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
