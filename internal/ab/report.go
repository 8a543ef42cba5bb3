package ab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"strix-build/internal/factorial"
	"strix-build/internal/matrix"
	"strix-build/internal/printable"
	"strix-build/internal/rank"
)

// on is an arm's combination.
func (d *Document) on(arm int) factorial.Combination {
	var c factorial.Combination
	for i, f := range d.Factors {
		if slices.Contains(d.Arms[arm].On, f.Name) {
			c |= 1 << i
		}
	}
	return c
}

// Text is the whole report for people, in so many columns; Markdown is the same as Markdown.
func (d *Document) Text(r *Result, width int) string { return d.report(r, width, false) }

// Markdown is the report as Markdown.
func (d *Document) Markdown(r *Result) string { return d.report(r, 1<<20, true) }

func (d *Document) report(r *Result, width int, markdown bool) string {
	var b strings.Builder
	const item = "- "
	show, head := (*table).text, ""
	if markdown {
		show, head = (*table).markdown, "## "
	}
	title := func(text string) {
		b.WriteString("\n" + head + text + "\n")
		if markdown {
			b.WriteString("\n")
		}
	}
	wrap(&b, "", d.about(), width)
	b.WriteString("\n")
	show(d.arms(), &b)
	for cell := range r.Cells {
		title(printable.Line(r.Cells[cell].Name) + ", tokens a second")
		show(d.speeds(r, cell), &b)
		b.WriteString("\n")
		show(d.effects(r, cell), &b)
	}
	if len(r.Faults) == 0 {
		title("What it shows")
		for _, s := range d.Sentences(r) {
			wrap(&b, item, s, width)
		}
		title("What to ship")
		for _, s := range d.Ship(r) {
			wrap(&b, item, s, width)
		}
	}
	if lines := d.Warnings(r); len(lines) > 0 {
		title("What to know")
		for _, l := range lines {
			wrap(&b, item, l, width)
		}
	}
	return b.String()
}

// about is what was measured, in a line.
func (d *Document) about() string {
	machine := d.Matrix.Host.Board
	if machine == "" {
		machine = d.Matrix.Host.CPU
	}
	var designs []string
	for _, name := range d.Designs {
		designs = append(designs, string(name))
	}
	if devices := d.Matrix.Devices(); len(devices) > 0 && !slices.Equal(devices, []string{machine}) {
		machine += " (computed by " + listed(devices) + ")"
	}
	return printable.Line(fmt.Sprintf("%s %s (%.9s, track %s): %s, %s, design %s; on %s, %d CPUs; %s%s", d.Recipe, d.Base, d.Commit, d.Track,
		number(len(d.Factors), "factor"), number(len(d.Arms), "arm"), listed(designs), machine, d.Matrix.Host.CPUs, number(d.Matrix.Rounds, "round"), d.Matrix.Everywhere()))
}

func number(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// arms are what the combinations are: image, and how it is run.
func (d *Document) arms() *table {
	t := &table{head: []string{"", "arm", "image", "built in", "objects cached", "run with"}, numbers: []int{3, 4}}
	for i := range d.Arms {
		m := &d.Matrix.Arms[i]
		name := ArmName(d.Factors, d.on(i))
		if len(d.Arms[i].Forced) > 0 {
			name += " (forbidden)"
		}
		took, cached := d.Arms[i].Built.Words()
		t.add(string(rune('A'+i)), printable.Line(name), fmt.Sprintf("%.19s", m.Digest), took, cached, printable.Line(RunWords(m)))
	}
	return t
}

// Words are how long a build took, and how many of its objects the compiler cache had.
func (b *Built) Words() (took, cached string) {
	if b == nil {
		return "", ""
	}
	if b.Hits+b.Misses > 0 {
		cached = fmt.Sprintf("%d of %d", b.Hits, b.Hits+b.Misses)
	}
	return (time.Duration(b.Seconds) * time.Second).String(), cached
}

// RunWords say how an arm is run besides what all are.
func RunWords(a *matrix.Arm) string {
	words := append(matrix.EnvironmentWords(a.Environment), a.Args...)
	if a.KV != nil {
		words = append(words, "KV cache "+a.KV.String())
	}
	return strings.Join(words, " ")
}

// speeds are a cell's figures, by arm.
func (d *Document) speeds(r *Result, cell int) *table {
	t := &table{head: []string{"arm", "speed", "spread", "against A", "95 % interval", ""}, numbers: []int{1, 2, 3, 4}}
	n := 0
	for i := range d.Matrix.Cells {
		c := &d.Matrix.Cells[i]
		if n++; (n-1)/len(d.Arms) != cell {
			continue
		}
		arm := (n - 1) % len(d.Arms)
		row := []string{fmt.Sprintf("%c %s", 'A'+arm, printable.Line(ArmName(d.Factors, d.on(arm)))), "", "", "", "", ""}
		if c.State != matrix.Measured {
			row[5] = string(c.State)
		} else {
			row[1], row[2] = rank.Text(c.Speed), fmt.Sprintf("%.1f %%", 100*c.Spread)
		}
		if c.Change != nil {
			row[3], row[4] = Percent(*c.Change), between(c.Low, c.High)
		}
		t.add(row...)
	}
	return t
}

// effects are a cell's.
func (d *Document) effects(r *Result, cell int) *table {
	t := &table{head: []string{"effect", "change", "95 % interval", ""}, numbers: []int{1, 2}}
	s := &speaker{d, r}
	for i := range r.Effects {
		e := &r.Effects[i]
		if e.Cell != cell {
			continue
		}
		name := strings.Join(d.EffectName(r, e), " x ")
		change, interval := Percent(e.Change), between(e.Low, e.High)
		if e.Kind == factorial.Interaction {
			change, interval = times(e.Change), betweenTimes(e.Low, e.High)
		}
		if e.State == factorial.Unknown {
			change = ""
		}
		t.add(name, change, interval, s.stateWord(e))
	}
	return t
}

// EffectName are the factors of an effect, as people call them: several are those of an interaction.
func (d *Document) EffectName(r *Result, e *factorial.Effect) []string {
	s := &speaker{d, r}
	out := s.names(e.Of)
	if e.Kind != factorial.Interaction {
		out[0] = fmt.Sprintf(whose[e.Kind], out[0])
	}
	return out
}

// EffectWord is an effect's state as a table has it. dependent says that it is a mean over what it depends on, which says little.
func (d *Document) EffectWord(r *Result, e *factorial.Effect) (word string, dependent bool) {
	s := &speaker{d, r}
	word = s.stateWord(e)
	return word, e.Kind == factorial.Main && len(s.partners(e.Cell, e.Of.Factors()[0])) > 0
}

// stateWord is an effect's state as a table has it.
func (s *speaker) stateWord(e *factorial.Effect) string {
	joint := e.Kind == factorial.Interaction
	if e.Kind == factorial.Main { // the mean over what another is says little where it depends on that
		var on []string
		for _, other := range s.partners(e.Cell, e.Of.Factors()[0]) {
			on = append(on, s.factor(other))
		}
		if len(on) > 0 {
			return "depends on " + listed(on)
		}
	}
	switch {
	case e.State == factorial.Up && joint:
		return "help each other"
	case e.State == factorial.Down && joint:
		return "fight"
	case e.State == factorial.Nothing && joint:
		return "add up"
	case e.State == factorial.Up:
		return "helps"
	case e.State == factorial.Down:
		return "slows"
	case e.State == factorial.Open:
		return "cannot be told"
	}
	return string(e.State)
}

// Warnings are what takes trust away, and what failed.
func (d *Document) Warnings(r *Result) []string {
	var out []string
	add := func(text string) {
		if text = printable.Line(text); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for i, a := range d.Arms {
		for _, f := range a.Forced {
			add(fmt.Sprintf("%s was built although it is forbidden: %s", d.Arm(i), f))
		}
	}
	for _, s := range d.Matrix.Samples {
		if s.Fault == "" {
			continue
		}
		state := matrix.Failed
		if s.TimedOut {
			state = matrix.TimedOut
		}
		add(fmt.Sprintf("%s: %s, %s: %s", state, d.Matrix.Runs[s.Run].Name(), d.Arm(s.Number()), s.Fault))
	}
	for _, f := range r.Faults {
		add("INVALID: " + f)
	}
	if d.Matrix.Ended != "" {
		add(fmt.Sprintf("%s after %d processes: the same command goes on from here", d.Matrix.Ended, len(d.Matrix.Samples)))
	}
	return out
}
