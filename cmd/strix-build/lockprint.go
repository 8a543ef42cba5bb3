package main

import (
	"fmt"
	"io"
	"strings"

	"strix-build/internal/fit"
	"strix-build/internal/resolve"
)

// summarise says in a few lines why the base is no newer one: what is against the newest build, against each newer
// release, and against the next build.
func summarise(w io.Writer, s *fit.Solution) {
	fmt.Fprintf(w, "track %s: %s is the newest base for %s\n", s.Track, s.Choice, strings.Join(s.Recipes, ", "))
	if len(s.Ruled) == 0 {
		heldBack(w, s)
		return
	}
	newest, next := s.Ruled[0], s.Ruled[len(s.Ruled)-1]
	fmt.Fprintf(w, "  not %s, the newest: %s\n", newest.To, newest.Why())
	for _, r := range s.Ruled {
		for _, m := range r.Releases {
			if m.ID != newest.To.ID && m.ID != next.From.ID {
				fmt.Fprintf(w, "  not %s: %s\n", m, r.Why())
			}
		}
	}
	if next.From.ID != newest.To.ID {
		fmt.Fprintf(w, "  not %s, the next: %s\n", next.From, next.Why())
	}
	heldBack(w, s)
}

// explainBase writes every reason, newest first, a release in a line of its own.
func explainBase(w io.Writer, s *fit.Solution) {
	for _, r := range s.Ruled {
		count := ""
		if r.Builds > 1 {
			count = fmt.Sprintf(" (%d builds)", r.Builds)
		}
		fmt.Fprintf(w, "%s%s: %s\n", r.Span(), count, r.Why())
	}
	if s.Choice.ID != "" {
		fmt.Fprintf(w, "%s: the newest base for %s\n", s.Choice, strings.Join(s.Recipes, ", "))
	}
	heldBack(w, s)
}

// heldBack ends both forms: who holds the track back, and what there is to know about the candidates.
func heldBack(w io.Writer, s *fit.Solution) {
	for _, h := range s.Held {
		fmt.Fprintf(w, "without %s the track could have %s\n", strings.Join(h.Recipes, " and "), h.Could)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}

type lockView struct {
	Track   string      `json:"track"`
	Lock    string      `json:"lock,omitempty"` // the file; none where nothing was written
	Choice  *baseView   `json:"choice"`
	Recipes []string    `json:"recipes,omitempty"`
	Ruled   []ruledView `json:"ruled"`
	Held    []heldView  `json:"held"`
	Notes   []string    `json:"notes"`
}

type ruledView struct {
	From     string       `json:"from"`
	To       string       `json:"to"`
	Builds   int          `json:"builds"`
	Releases []string     `json:"releases,omitempty"`
	Reasons  []reasonView `json:"reasons"`
	Fits     []string     `json:"fits,omitempty"`
}

type reasonView struct {
	Why     fit.Why  `json:"why"`
	Name    string   `json:"name"`
	Text    string   `json:"text"`
	Recipes []string `json:"recipes,omitempty"`
}

type heldView struct {
	Recipes []string `json:"recipes"`
	Could   baseView `json:"could"`
}

func viewLock(name string, made *resolve.Locked, dryRun bool) lockView {
	v := lockView{Ruled: []ruledView{}, Held: []heldView{}, Notes: append([]string{}, made.Notes...)}
	if l := made.Lock; l != nil {
		v.Track = l.Track.Value
		v.Choice = &baseView{Build: l.LlamaCpp.Build.String(), Commit: l.LlamaCpp.Commit.Value}
		if !dryRun {
			v.Lock = name
		}
	}
	s := made.Solution
	if s == nil {
		return v
	}
	v.Track, v.Recipes = s.Track, s.Recipes
	v.Notes = append(v.Notes, s.Notes...)
	if s.Choice.ID != "" {
		choice := viewBase(s.Choice)
		v.Choice = &choice
	}
	for _, r := range s.Ruled {
		v.Ruled = append(v.Ruled, viewRuled(r))
	}
	for _, h := range s.Held {
		v.Held = append(v.Held, heldView{h.Recipes, viewBase(h.Could)})
	}
	return v
}

func viewRuled(r fit.Ruled) ruledView {
	v := ruledView{From: r.From.Build.String(), To: r.To.Build.String(), Builds: r.Builds, Fits: r.Fits, Reasons: []reasonView{}}
	for _, m := range r.Releases {
		v.Releases = append(v.Releases, m.String())
	}
	for _, x := range r.Reasons {
		v.Reasons = append(v.Reasons, reasonView{x.Why, x.Name, x.Text, x.Recipes})
	}
	return v
}
