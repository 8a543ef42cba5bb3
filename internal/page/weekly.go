package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"strix-build/internal/report"
	"strix-build/internal/weekly"
)

// Weekly is the subject of a weekly run: what came of each track, image and channel.
func Weekly(r *weekly.Run) report.Subject {
	s := report.Subject{Name: "Weekly run of " + r.Started.UTC().Format(time.DateOnly), Kind: "weekly", Verdict: wellness(r),
		Facts: []report.Fact{{Name: "Run", Value: r.Circumstances()}, {Name: "Began", Value: r.Started.UTC().Format("2006-01-02 15:04 UTC")}}}
	if r.Ended != nil {
		s.Facts = append(s.Facts, report.Fact{Name: "Ended", Value: r.Ended.UTC().Format("2006-01-02 15:04 UTC")})
	}
	for _, l := range []report.List{problems(r), tracks(r), siblings(r), published(r), channels(r), outlook(r), pruned(r)} {
		if len(l.Rows) > 0 {
			s.Sections = append(s.Sections, l)
		}
	}
	if len(s.Sections) == 0 {
		s.Sections = append(s.Sections, report.Notes{Lines: []string{"It came to nothing: no track was looked at."}})
	}
	return s
}

// wellness says in a word whether somebody has to look, and what came of the run.
func wellness(r *weekly.Run) *report.Verdict {
	v := &report.Verdict{Word: "all is well", Tone: report.Good, Reasons: []string{r.Headline()}}
	for i := range r.Siblings {
		if s := &r.Siblings[i]; s.Bad() && s.Why != "" {
			v.Reasons = append(v.Reasons, fmt.Sprintf("%s (%s) %s: %s", s.Recipe, s.Track, s.State, s.Why))
		}
	}
	old := func(c weekly.Channel) bool { return c.TooOld }
	bad := func(s weekly.Sibling) bool { return s.Bad() }
	switch {
	case len(r.Problems) > 0 || slices.ContainsFunc(r.Siblings, bad) || slices.ContainsFunc(r.Channels, old):
		v.Word, v.Tone = "look at it", report.Bad
	case r.Ended == nil && !r.DryRun:
		v.Word, v.Tone = "not ended", report.Warn
	case r.DryRun:
		v.Word, v.Tone = "dry run", ""
	}
	return v
}

func problems(r *weekly.Run) report.List {
	out := report.List{Title: "Problems", Heads: []string{"Track", "What", "What to do"}, Open: true}
	for _, p := range r.Problems {
		out.Rows = append(out.Rows, []report.Field{{Text: p.Track}, {Text: p.Text, Tone: report.Bad}, {Text: p.Hint}})
	}
	return out
}

func tracks(r *weekly.Run) report.List {
	out := report.List{Title: "Tracks", Heads: []string{"Track", "Was", "Is", "Commit", "Why no newer one"}, Open: true}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		out.Rows = append(out.Rows, report.Fields(t.Name, t.Was, t.Base, fmt.Sprintf("%.9s", t.Commit), t.Why()))
	}
	return out
}

func siblings(r *weekly.Run) report.List {
	out := report.List{Title: "Images", Heads: []string{"Track", "Recipe", "State", "Verdict", "llama.cpp", "Took", "Image", "Why"}, Open: true}
	for i := range r.Siblings {
		s := &r.Siblings[i]
		why := s.Why
		if s.Hint != "" {
			why += " (" + s.Hint + ")"
		}
		out.Rows = append(out.Rows, []report.Field{{Text: s.Track}, {Text: s.Recipe}, stateField(s), {Text: s.Verdict, Tone: Tone(s.Verdict)}, {Text: s.Base}, {Text: took(s)}, {Text: hex12(s.Digest)}, {Text: why}})
	}
	return out
}

// hex12 is enough of a digest to tell it from others, in tables that are wide.
func hex12(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(len(hex), 12)]
}

// took is how long a sibling took to build, and how many of its objects the compiler cache had.
func took(s *weekly.Sibling) string {
	switch c := s.Cached; {
	case s.Took <= 0:
		return ""
	case c != nil && c.Calls > 0:
		return fmt.Sprintf("%s, %d %% cached", s.Took.Round(time.Second), 100*c.Hits/c.Calls)
	}
	return s.Took.Round(time.Second).String()
}

func published(r *weekly.Run) report.List {
	out := report.List{Title: "Published", Heads: []string{"Track", "Recipe", "Tag"}, Open: true}
	if r.Repository != "" {
		out.Lead = "In " + r.Repository + "."
	}
	for _, s := range r.Siblings {
		if s.Tag != "" {
			out.Rows = append(out.Rows, report.Fields(s.Track, s.Recipe, s.Tag))
		}
	}
	return out
}

func stateField(s *weekly.Sibling) report.Field {
	out := report.Field{Text: string(s.State)}
	switch {
	case s.Bad():
		out.Tone = report.Bad
	case s.State == weekly.Moved:
		out.Tone = report.Good
	case s.State == weekly.Waiting:
		out.Tone = report.Warn
	}
	return out
}

func channels(r *weekly.Run) report.List {
	out := report.List{Title: "Channels", Lead: "What users of a recipe get after the run.", Heads: []string{"Channel", "Image", "Of", "Age"}, Open: true}
	for _, c := range r.Channels {
		image := c.Tag
		switch {
		case c.Digest == "":
			image = "none yet"
		case image == "":
			image = shortDigest(c.Digest)
		}
		of, age := "", report.Field{Text: "not known"}
		if !c.Built.IsZero() {
			of, age = r.Age(c), report.Field{Text: "fresh enough", Tone: report.Good}
		}
		if c.TooOld {
			age = report.Field{Text: "too old", Tone: report.Bad}
		}
		out.Rows = append(out.Rows, []report.Field{{Text: c.Recipe}, {Text: image}, {Text: of}, age})
	}
	return out
}

func outlook(r *weekly.Run) report.List {
	out := report.List{Title: "Forecast", Lead: "Patch sets that stop to apply to what upstream has by now.", Heads: []string{"Patch set", "What is foreseen"}}
	for _, o := range r.Forecast {
		var parts []string
		for line := range strings.Lines(strings.TrimPrefix(o.Text, o.Set+": ")) {
			parts = append(parts, strings.TrimSpace(line))
		}
		out.Rows = append(out.Rows, report.Fields(o.Set, strings.Join(parts, "; ")))
	}
	return out
}

func pruned(r *weekly.Run) report.List {
	out := report.List{Title: "Pruned", Heads: []string{"Published image that was removed"}}
	if r.DryRun {
		out.Heads[0] = "Published image that would be removed"
	}
	for _, t := range r.Pruned {
		out.Rows = append(out.Rows, report.Fields(t))
	}
	return out
}

// Pages are files beside a page: of images by their digests, and of runs by when they started. What has none is not linked.
type Pages struct {
	Images map[string]string
	Runs   map[time.Time]string
}

// Weeks are what became of the recipes of a track in each run, the newest first; "" is all tracks. Runs before the newest are a section of
// their own. None has anything to say of the track: nil.
func Weeks(runs []*weekly.Run, track string, pages Pages) []report.Section {
	newest := report.List{Title: "Last weekly run", Lead: "What became of each recipe.", Heads: weekHeads(track), Open: true}
	before := report.List{Title: "Weekly runs before", Lead: "What became of each recipe, week by week, the newest first.", Heads: weekHeads(track)}
	var out []report.Section
	for _, r := range slices.Backward(runs) {
		rows := week(r, track, pages)
		if len(newest.Rows) == 0 {
			newest.Rows = rows
		} else {
			before.Rows = append(before.Rows, rows...)
		}
	}
	for _, l := range []report.List{newest, before} {
		if len(l.Rows) > 0 {
			out = append(out, l)
		}
	}
	return out
}

func weekHeads(track string) []string {
	out := []string{"Run", "Recipe", "State", "Verdict", "llama.cpp", "Image", "Why"}
	if track == "" {
		out = slices.Insert(out, 1, "Track")
	}
	return out
}

func week(r *weekly.Run, track string, pages Pages) [][]report.Field {
	var out [][]report.Field
	for i := range r.Siblings {
		s := &r.Siblings[i]
		if track != "" && s.Track != track {
			continue
		}
		row := []report.Field{{Text: r.Started.UTC().Format(time.DateOnly), Page: pages.Runs[r.Started.UTC()]}, {Text: s.Recipe}, stateField(s), {Text: s.Verdict, Tone: Tone(s.Verdict)},
			{Text: s.Base}, {Text: hex12(s.Digest), Page: pages.Images[s.Digest]}, {Text: s.Why}}
		if track == "" {
			row = slices.Insert(row, 1, report.Field{Text: s.Track})
		}
		out = append(out, row)
	}
	return out
}
