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
		return
	}
	newest, next := s.Ruled[0], s.Ruled[len(s.Ruled)-1]
	fmt.Fprintf(w, "  not %s, the newest: %s\n", newest.To, newest.Why())
	releases(w, s, "  not ")
	if next.From.Build != newest.To.Build {
		fmt.Fprintf(w, "  not %s, the next: %s\n", next.From, next.Why())
	}
	heldBack(w, s)
}

// explainBase writes every reason.
func explainBase(w io.Writer, s *fit.Solution) {
	for _, r := range s.Ruled {
		count := ""
		if r.Builds > 1 {
			count = fmt.Sprintf(" (%d builds)", r.Builds)
		}
		fmt.Fprintf(w, "%s%s: %s\n", r.Span(), count, r.Why())
	}
	releases(w, s, "")
	if s.Choice.ID != "" {
		fmt.Fprintf(w, "%s: the newest base for %s\n", s.Choice, strings.Join(s.Recipes, ", "))
	}
	heldBack(w, s)
}

// releases has one line for each newer release, newest first.
func releases(w io.Writer, s *fit.Solution, prefix string) {
	for _, r := range s.Ruled {
		for _, m := range r.Releases {
			if m.Build != s.Ruled[0].To.Build || prefix == "" {
				fmt.Fprintf(w, "%s%s: %s\n", prefix, m, r.Why())
			}
		}
	}
}

func heldBack(w io.Writer, s *fit.Solution) {
	for _, h := range s.Held {
		fmt.Fprintf(w, "without %s the track could have %s\n", strings.Join(h.Recipes, " and "), h.Could)
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
