package ab

import (
	"fmt"
	"strings"

	"strix-build/internal/factorial"
	"strix-build/internal/llamabench"
	"strix-build/internal/printable"
)

// speaker says in sentences what a result shows.
type speaker struct {
	d *Document
	r *Result
}

func (s *speaker) factor(i int) string { return printable.Line(s.d.Factors[i].Name) }

func (s *speaker) names(of factorial.Combination) []string {
	var out []string
	for _, i := range of.Factors() {
		out = append(out, s.factor(i))
	}
	return out
}

// Sentences are what the figures show: of each factor, of those that act together, and what cannot be told.
func (d *Document) Sentences(r *Result) []string {
	s := &speaker{d, r}
	var out []string
	for i := range d.Factors {
		for _, kind := range []factorial.Kind{factorial.Main, factorial.Alone, factorial.InCompany, factorial.Company} {
			if text := s.one(i, kind); text != "" {
				out = append(out, text)
			}
		}
	}
	return append(out, s.together()...)
}

// of are a contrast's effects, by cell; nil: the design has no such contrast.
func (s *speaker) of(kind factorial.Kind, of factorial.Combination) []*factorial.Effect {
	var out []*factorial.Effect
	for i := range s.r.Effects {
		if e := &s.r.Effects[i]; e.Kind == kind && e.Of == of {
			out = append(out, e)
		}
	}
	return out
}

// whose is how a sentence about a factor begins.
var whose = map[factorial.Kind]string{factorial.Main: "%s", factorial.Alone: "%s alone", factorial.InCompany: "%s with all others on",
	factorial.Company: "%s in the others' company"}

// verbs say what a factor does, by state; and what company does to it.
var (
	verbs = map[factorial.State]string{factorial.Up: "helps", factorial.Down: "slows", factorial.Nothing: "does nothing to", factorial.Open: "cannot be told on",
		factorial.Unknown: "was not measured on"}
	companyVerbs = map[factorial.State]string{factorial.Up: "gains on", factorial.Down: "loses on", factorial.Nothing: "stays as it is on", factorial.Open: "cannot be told on",
		factorial.Unknown: "was not measured on"}
)

// states in the order that they are spoken of.
var states = []factorial.State{factorial.Up, factorial.Down, factorial.Nothing, factorial.Open, factorial.Unknown}

// one is the sentence about a factor.
func (s *speaker) one(factor int, kind factorial.Kind) string {
	effects := s.of(kind, 1<<factor)
	if len(effects) == 0 {
		return ""
	}
	begin := fmt.Sprintf(whose[kind], s.factor(factor))
	effects, parts := s.dependent(effects, factor)
	if len(parts) == 0 && all(effects, factorial.Nothing) && kind != factorial.Company {
		return begin + ": no effect, within " + s.limit() + " in every cell"
	}
	use := verbs
	if kind == factorial.Company {
		use = companyVerbs
	}
	for _, state := range states {
		if where := s.where(effects, state); where != "" {
			parts = append(parts, use[state]+" "+where)
		}
	}
	return begin + " " + strings.Join(parts, "; ")
}

// dependent are the cells in which the mean of a factor's effect says little, because it depends on others; the rest is returned too.
func (s *speaker) dependent(effects []*factorial.Effect, factor int) (rest []*factorial.Effect, parts []string) {
	for _, e := range effects {
		partners := s.partners(e.Cell, factor)
		if e.Kind != factorial.Main || len(partners) == 0 {
			rest = append(rest, e)
			continue
		}
		var on []string
		for _, other := range partners {
			on = append(on, s.depends(e.Cell, factor, other))
		}
		parts = append(parts, fmt.Sprintf("on %s depends on %s", printable.Line(s.r.Cells[e.Cell].Name), listed(on)))
	}
	return rest, parts
}

func all(effects []*factorial.Effect, state factorial.State) bool {
	for _, e := range effects {
		if e.State != state {
			return false
		}
	}
	return true
}

func (s *speaker) limit() string { return fmt.Sprintf("±%.4g %%", 100*s.d.Rules.Limit) }

// where lists the cells of a state, those of one kind together where all of them have it.
func (s *speaker) where(effects []*factorial.Effect, state factorial.State) string {
	var parts []string
	for _, kind := range kinds {
		var cells []string
		whole := true
		for _, e := range effects {
			if s.kind(e.Cell) != kind {
				continue
			}
			if e.State != state {
				whole = false
				continue
			}
			cells = append(cells, s.cell(e))
		}
		switch {
		case len(cells) == 0:
		case whole:
			parts = append(parts, fmt.Sprintf("%s (%s)", kind, strings.Join(cells, "; ")))
		default:
			parts = append(parts, strings.Join(cells, "; "))
		}
	}
	return strings.Join(parts, ", ")
}

// kinds of cells.
var kinds = []string{"prompt processing", "generation", "prompt and generation", "chats"}

func (s *speaker) kind(cell int) string {
	n := 0
	for i := range s.d.Matrix.Runs {
		for _, test := range s.d.Matrix.Runs[i].Tests {
			if n == cell {
				return kindOf(test)
			}
			n++
		}
	}
	return ""
}

func kindOf(test string) string {
	prompt, gen, _, err := llamabench.ParseTest(test)
	switch {
	case err != nil:
		return kinds[3]
	case gen == 0:
		return kinds[0]
	case prompt == 0:
		return kinds[1]
	}
	return kinds[2]
}

// cell is an effect in its cell: "moe pp512 +12.1 %, +10.4 to +13.9".
func (s *speaker) cell(e *factorial.Effect) string {
	name := printable.Line(s.r.Cells[e.Cell].Name)
	if e.State == factorial.Unknown {
		return name
	}
	interval := between(e.Low, e.High)
	if interval == "" {
		interval = "too few rounds for an interval"
	}
	return fmt.Sprintf("%s %s, %s", name, Percent(e.Change), interval)
}

// partners are the factors that another acts with in a cell, beyond what they do apart.
func (s *speaker) partners(cell, factor int) []int {
	var out []int
	for i := range s.r.Effects {
		e := &s.r.Effects[i]
		if e.Kind == factorial.Interaction && e.Cell == cell && e.Of.Size() == 2 && e.Of.Has(factor) && (e.State == factorial.Up || e.State == factorial.Down) {
			out = append(out, (e.Of &^ (1 << factor)).Factors()...)
		}
	}
	return out
}

// together are the sentences about factors that act together.
func (s *speaker) together() []string {
	var out, add, open []string
	for i := range s.r.Plan.Contrasts {
		c := &s.r.Plan.Contrasts[i]
		if c.Kind != factorial.Interaction {
			continue
		}
		effects := s.of(factorial.Interaction, c.Of)
		for _, e := range effects {
			if e.State == factorial.Up || e.State == factorial.Down {
				out = append(out, s.joint(e))
			}
		}
		switch {
		case c.Of.Size() > 2:
		case all(effects, factorial.Nothing):
			add = append(add, listed(s.names(c.Of)))
		default:
			open = append(open, s.openPair(effects)...)
		}
	}
	if len(add) > 0 {
		out = append(out, "add up, within "+s.limit()+" in every cell: "+strings.Join(add, "; "))
	}
	return append(append(out, open...), s.confused()...)
}

// joint is an interaction that is there.
func (s *speaker) joint(e *factorial.Effect) string {
	names, cell := s.names(e.Of), printable.Line(s.r.Cells[e.Cell].Name)
	does := map[bool]string{true: "help each other", false: "fight"}[e.State == factorial.Up]
	promised := "each promises alone"
	if len(names) > 2 {
		promised = "their pairs promise"
	}
	text := fmt.Sprintf("%s %s on %s: together %s of what %s", listed(names), does, cell, times(e.Change), promised)
	if interval := betweenTimes(e.Low, e.High); interval != "" {
		text += " (" + interval + ")"
	}
	return text
}

// depends says what a factor does without another and with it.
func (s *speaker) depends(cell, factor, other int) string {
	without, _ := s.r.Plan.Within(factor, other, false).Estimate(s.r.Cells[cell])
	with, _ := s.r.Plan.Within(factor, other, true).Estimate(s.r.Cells[cell])
	return fmt.Sprintf("%s (%s without it, %s with it)", s.factor(other), Percent(without), Percent(with))
}

// openPair says where it is not known how a pair acts together.
func (s *speaker) openPair(effects []*factorial.Effect) []string {
	var cells []string
	for _, e := range effects {
		if e.State == factorial.Open {
			interval := betweenTimes(e.Low, e.High)
			if interval == "" {
				interval = "too few rounds for an interval"
			}
			cells = append(cells, fmt.Sprintf("%s (%s)", printable.Line(s.r.Cells[e.Cell].Name), interval))
		}
	}
	if len(cells) == 0 {
		return nil
	}
	return []string{"whether " + listed(s.names(effects[0].Of)) + " fight cannot be told on " + listed(cells)}
}

// confused says which effects of up to two factors a fraction does not tell apart.
func (s *speaker) confused() []string {
	var out []string
	for _, c := range s.r.Plan.Contrasts {
		same := []string{strings.Join(s.names(c.Of), " x ")}
		for _, a := range c.Aliases {
			if a.Size() <= 2 {
				same = append(same, strings.Join(s.names(a), " x "))
			}
		}
		if len(same) > 1 {
			out = append(out, listed(same))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return []string{"not told apart in a fraction, so any of them may be what is seen: " + strings.Join(out, "; ")}
}
