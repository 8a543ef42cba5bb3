package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/recipe"
)

// Judge computes the verdict of evidence. It uses nothing but e, and not the verdict that e carries.
func Judge(e *Evidence) Verdict {
	b := newBoard(e)
	b.judge()
	v := Verdict{Reasons: []string{}, Cells: b.cells, Canary: e.canaries(), Rounds: slices.Max(append([]int{0}, b.rounds...))}
	if v.Cells == nil {
		v.Cells = []Cell{}
	}
	for _, step := range []func(*Evidence, *Verdict) bool{failed, invalid, decided} {
		if step(e, &v) {
			break
		}
	}
	return v
}

// Again computes the verdict of evidence again. It is an error where the evidence says another one of itself.
func Again(e *Evidence) (Verdict, error) {
	v := Judge(e)
	if e.Verdict == nil {
		return v, nil
	}
	said, err := json.Marshal(e.Verdict)
	if err != nil {
		return v, err
	}
	seen, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	if !bytes.Equal(said, seen) {
		return v, fmt.Errorf("it says %s, and what is in it shows %s: the document was changed, or judged by another strix-build (%s)", e.Verdict.Word, v.Word, e.Tool)
	}
	return v, nil
}

func (v *Verdict) say(w Word, format string, args ...any) {
	v.Word = w
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

// failed is about the image itself, and true whatever the host did.
func failed(e *Evidence, v *Verdict) bool {
	for _, c := range e.Checks {
		if !c.Holds() {
			v.say(Failed, "%s: %s: %s", c.Stage, c.Name, c.said())
		}
	}
	return v.Word != ""
}

func invalid(e *Evidence, v *Verdict) bool {
	for _, fault := range e.faults() {
		v.say(Invalid, "%s", fault)
	}
	for _, c := range v.Canary {
		if c.Moved {
			v.say(Invalid, "%s: the baseline against itself moved by %s from one process to the next, by %s from the first half to the second, "+
				"and by %s at least from start to end (limit %s): the host is not steady; let it cool, stop what else runs, and measure again",
				c.Cell, percent(c.Change), percent(c.Drift), percent(c.Step), limit(c.Limit))
		}
	}
	return v.Word != ""
}

// decided is what the cells say together.
func decided(e *Evidence, v *Verdict) bool {
	slower, faster, open := v.named(Slower), v.named(Faster), v.named(Open)
	_, more := Next(e)
	switch {
	case more:
		why := "not finished"
		if e.Ended != "" {
			why = e.Ended
		}
		v.say(Inconclusive, "%s after %s: the same command goes on from here", why, plural(len(e.Samples), "process"))
	case len(slower) > 0 && len(faster) > 0:
		v.say(Mixed, "slower: %s; faster: %s; no policy decides that: split the recipe, or waive it", list(slower), list(faster))
	case len(slower) > 0:
		v.say(Regressed, "slower: %s", list(slower))
	case len(open) > 0:
		v.say(Inconclusive, "after %s neither slower nor not: %s; %s", plural(v.Rounds, "round"), list(open), e.advice(v.Rounds))
	default:
		e.good(v)
	}
	return true
}

// advice is what may help where a cell is still open.
func (e *Evidence) advice(rounds int) string {
	if rounds < e.Policy.lastLook() {
		return fmt.Sprintf("the time of %s is used up: give it more, or a host that scatters less", e.Policy.Budget)
	}
	return "more rounds, or a host that scatters less, would tell"
}

// good is what evidence shows where nothing speaks against the image.
func (e *Evidence) good(v *Verdict) {
	v.Word = Pass
	if e.Baseline == nil {
		v.say(Smoke, "there was no baseline: speed was not compared")
	} else if len(v.Cells) == 0 {
		v.say(Smoke, "speed was not measured")
	}
	switch want := e.Policy.Device; {
	case want == recipe.AnyDevice || want == e.Device.Kind:
	case e.Device.Kind == "":
		v.say(Smoke, "no speed was measured on a %s", want)
	default:
		v.say(Smoke, "no %s device was there: this ran on %s (%s)", want, e.Device.Kind, e.Device.Name)
	}
	for _, c := range e.Checks {
		if c.Skipped {
			v.say(Smoke, "not checked: %s: %s: %s", c.Stage, c.Name, c.Why)
		}
	}
	if faster := v.named(Faster); len(faster) > 0 {
		v.Reasons = append(v.Reasons, "faster: "+list(faster))
	}
	if len(v.Cells) > 0 {
		v.Reasons = append(v.Reasons, fmt.Sprintf("no cell of %d is slower by its limit, after %s", len(v.Cells), plural(v.Rounds, "round")))
	}
}

// named are the cells of a state, each with its change.
func (v *Verdict) named(s State) []string {
	var out []string
	for _, c := range v.Cells {
		if c.State != s {
			continue
		}
		if c.Pairs == 0 {
			out = append(out, c.Name)
			continue
		}
		out = append(out, fmt.Sprintf("%s %s (%s, limit %s)", c.Name, percent(c.Change), c.interval(), limit(-c.Limit)))
	}
	return out
}

func (c Cell) interval() string {
	end := func(x *float64) string {
		if x == nil {
			return "?"
		}
		return percent(*x)
	}
	return end(c.Low) + " to " + end(c.High)
}

// percent writes a share with its sign.
func percent(x float64) string { return fmt.Sprintf("%+.2f %%", 100*x) }

// limit writes a share as people do: without digits that say nothing.
func limit(x float64) string { return fmt.Sprintf("%.3g %%", 100*x) }

func list(words []string) string { return strings.Join(words, ", ") }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if strings.HasSuffix(word, "s") {
		word += "e"
	}
	return fmt.Sprintf("%d %ss", n, word)
}
