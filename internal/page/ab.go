package page

import (
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/ab"
	"strix-build/internal/factorial"
	"strix-build/internal/gate"
	"strix-build/internal/matrix"
	"strix-build/internal/report"
)

// AB is the subject of a lattice: which combination to ship, what each change does, alone and with others. All of it is computed of what was
// measured.
func AB(d *ab.Document) (report.Subject, error) {
	r, err := d.Conclude()
	if err != nil {
		return report.Subject{}, err
	}
	e := named(d)
	s := report.Subject{Kind: "ab", Name: strings.TrimSpace(d.Recipe + " " + d.Base + ": " + strings.Join(factorNames(d), ", ")), Verdict: shipped(d, r), Facts: abFacts(d)}
	if len(r.Faults) == 0 {
		s.Sections = append(s.Sections, report.Notes{Title: "What it shows", Lines: d.Sentences(r)})
	}
	if lines := know(d, r); len(lines) > 0 {
		s.Sections = append(s.Sections, report.Notes{Title: "What to know", Lines: lines})
	}
	s.Sections = append(s.Sections, abArms(d, r), abEffects(d, r), abCells(d, r))
	s.Sections = append(s.Sections, benchDepth(e)...)
	if len(r.Canaries) > 0 {
		s.Sections = append(s.Sections, canary(r.Canaries, ab.Stock, "all of it"))
	}
	if len(e.Samples) > 0 {
		s.Sections = append(s.Sections, benchRuns(e))
	}
	return s, nil
}

// named is the matrix with arms that are called by what is on: several arms may be one image.
func named(d *ab.Document) *matrix.Evidence {
	e := d.Matrix
	e.Arms = slices.Clone(e.Arms)
	for i := range e.Arms {
		e.Arms[i].Name = d.ArmName(i)
	}
	return &e
}

func factorNames(d *ab.Document) []string {
	var out []string
	for _, f := range d.Factors {
		out = append(out, f.Name)
	}
	return out
}

// shipped is which combination to ship and why no other, or why nothing can be said.
func shipped(d *ab.Document, r *ab.Result) *report.Verdict {
	switch {
	case len(r.Faults) > 0:
		return &report.Verdict{Word: string(gate.Invalid), Tone: report.Warn, Reasons: r.Faults}
	case slices.Contains(r.Advice.Gaps, 0) || len(r.Advice.Gaps) > 0 && len(r.Advice.Gaps)+len(r.Advice.Out) == len(d.Arms)-1:
		return &report.Verdict{Word: "not measured", Tone: report.Warn, Reasons: []string{"no combination has figures in all cells"}}
	}
	v := &report.Verdict{Word: "ship " + d.Arm(r.Advice.Arm), Tone: report.Good, Reasons: d.Ship(r)}
	v.Reasons[0] = strings.TrimPrefix(v.Reasons[0], v.Word+": ")
	if d.Matrix.Ended != "" {
		v.Tone = report.Warn
	}
	return v
}

// know is what takes trust away, and what failed; faults are the verdict's.
func know(d *ab.Document, r *ab.Result) []string {
	return slices.DeleteFunc(d.Warnings(r), func(line string) bool { return strings.HasPrefix(line, string(gate.Invalid)) })
}

func abFacts(d *ab.Document) []report.Fact {
	var designs []string
	for _, x := range d.Designs {
		designs = append(designs, string(x))
	}
	out := []report.Fact{{Name: "Recipe", Value: fmt.Sprintf("%s, track %s", d.Recipe, d.Track)}, {Name: "llama.cpp", Value: fmt.Sprintf("%s %.9s", d.Base, d.Commit)},
		{Name: "Of all arms", Value: strings.Join(d.Set, " ")}, {Name: "Set aside", Value: strings.Join(d.Waive, " ")},
		{Name: "Design", Value: fmt.Sprintf("%s: %d changes, %d arms", strings.Join(designs, ", "), len(d.Factors), len(d.Arms))}}
	out = append(out, facts(d.Matrix.Host)...)
	out = append(out, measured(&d.Matrix)...)
	return out
}

// abArms are the combinations: image, how it is run, and what becomes of each.
func abArms(d *ab.Document, r *ab.Result) report.List {
	out := report.List{Title: "Arms", Heads: []string{"", "Arm", "To ship", "Image", "Run with", "#Built in", "#Cached"}}
	for i := range d.Arms {
		m := &d.Matrix.Arms[i]
		took, cached := d.Arms[i].Built.Words()
		row := report.Fields(string(letter(i)), d.ArmName(i), "", shortDigest(m.Digest), ab.RunWords(m), took, cached)
		if len(r.Faults) == 0 {
			row[2].Text, row[2].Tone = place(r, i)
		}
		if len(d.Arms[i].Forced) > 0 {
			row[2].Text, row[2].Tone = "forbidden", report.Bad
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// place is what the advice says of an arm.
func place(r *ab.Result, arm int) (string, report.Tone) {
	a := r.Advice
	slower := func(s factorial.Slower) bool { return s.Arm == arm }
	switch i := slices.IndexFunc(a.Slower, slower); {
	case slices.Contains(a.Gaps, arm):
		return "no: cells without figures", report.Warn
	case i >= 0:
		return fmt.Sprintf("no: %s %s", r.Cells[a.Slower[i].Cell].Name, ab.Percent(a.Slower[i].Change)), report.Bad
	case arm == a.Arm:
		return "yes", report.Good
	case arm == a.Best:
		return "the highest mean, and more in it", ""
	case slices.Contains(a.Equals, arm):
		return "not told from the best", ""
	}
	return "no: a lower mean", ""
}

// abEffects are the effects and interactions; where the host cannot be trusted none has a word.
func abEffects(d *ab.Document, r *ab.Result) report.Effects {
	out := report.Effects{Title: "Effects and interactions",
		Lead: fmt.Sprintf("Speed with a change over speed without, mean over all that the others are. Of an interaction (×), 1 is what the changes promise apart. Within %.4g %% of 1 does not matter.", 100*d.Rules.Limit)}
	if slices.ContainsFunc(r.Plan.Contrasts, func(c factorial.Contrast) bool {
		return slices.ContainsFunc(c.Aliases, func(a factorial.Combination) bool { return a.Size() <= 2 })
	}) {
		out.Lead += " In a fraction what is seen may be another effect: what is not told apart is said above."
	}
	if len(r.Faults) > 0 {
		out.Lead += " Nothing is concluded: these figures cannot be trusted."
	}
	for i := range r.Effects {
		e := &r.Effects[i]
		row := report.Effect{Factors: d.EffectName(r, e), Cell: r.Cells[e.Cell].Name, Low: plusOne(e.Low), High: plusOne(e.High)}
		if e.State != factorial.Unknown {
			row.Ratio = 1 + e.Change
		}
		if len(r.Faults) == 0 {
			row.Words, row.Tone = effectTone(d, r, e)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func effectTone(d *ab.Document, r *ab.Result, e *factorial.Effect) (string, report.Tone) {
	word, dependent := d.EffectWord(r, e)
	switch {
	case dependent || e.State == factorial.Unknown:
		return word, report.Warn
	case e.State == factorial.Up:
		return word, report.Good
	case e.State == factorial.Down:
		return word, report.Bad
	}
	return word, ""
}

func plusOne(v *float64) *float64 {
	if v == nil {
		return nil
	}
	out := 1 + *v
	return &out
}

// abCells are the arms in each cell, against the one with nothing on.
func abCells(d *ab.Document, r *ab.Result) report.Cells {
	out := report.Cells{Title: "Arms by cell", Of: "Arm", Base: "A, " + ab.Stock, Nothing: "Nothing was measured.",
		Chance: "An interval leaves out 2.5 % at each end; each is for itself, and what is said of all together is in the words above."}
	for i := range d.Matrix.Cells {
		c := &d.Matrix.Cells[i]
		arm, cell := i%len(d.Arms), i/len(d.Arms)
		row := report.Cell{Group: r.Cells[cell].Name, Name: fmt.Sprintf("%s %s", letter(arm), d.ArmName(arm)), Pairs: c.Pairs, Change: c.Change, Low: c.Low, High: c.High, Further: c.Why}
		if row.Speed = c.Speed; c.Speed > 0 {
			row.Noise = &c.Spread
		}
		switch out := func(s factorial.Slower) bool { return s.Arm == arm && s.Cell == cell }; {
		case c.State != matrix.Measured:
			row.State, row.Tone = string(c.State), cellTone(c.State)
		case len(r.Faults) == 0 && slices.ContainsFunc(r.Advice.Slower, out):
			row.State, row.Tone = "slower", report.Bad
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func cellTone(s matrix.State) report.Tone {
	switch s {
	case matrix.Failed:
		return report.Bad
	case matrix.TimedOut:
		return report.Warn
	}
	return ""
}

func shortDigest(d string) string { return d[:min(len(d), len("sha256:")+12)] }
