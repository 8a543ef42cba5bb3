package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"strix-build/internal/bench"
	"strix-build/internal/llamabench"
	"strix-build/internal/printable"
	"strix-build/internal/rank"
)

// Text writes what was measured for people, in so many columns: for each model a row of figures for each arm and a row with its change
// against the first. Where the tests do not fit beside each other, the table goes on below.
func (e *Evidence) Text(w io.Writer, width int) error {
	var b strings.Builder
	for i := range e.Arms {
		fmt.Fprintln(&b, e.about(i))
	}
	fmt.Fprintln(&b, e.place())
	for i := 0; i < len(e.Runs); {
		j := i
		for j < len(e.Runs) && e.Runs[j].Class == e.Runs[i].Class && e.Runs[j].Model == e.Runs[i].Model {
			j++
		}
		r := &e.Runs[i]
		fmt.Fprintf(&b, "\n%s: %s (%s), tokens a second\n", r.Class, r.Model, size(r.Bytes))
		for n, block := range e.columns(i, j).blocks(width) {
			if n > 0 {
				b.WriteByte('\n')
			}
			block.write(&b)
		}
		i = j
	}
	e.notes(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// shortDigest is how much of an image's digest tells it from others.
const shortDigest = len("sha256:") + 12

// about is an arm in a line: its letter, its name, and what is known of it.
func (e *Evidence) about(arm int) string {
	s := e.Arms[arm]
	words := []string{string(letter(arm)), s.Name, e.build(arm), "", ""}
	if r := e.row(arm); r != nil {
		words[3] = r.Backends
		if r.OnGPU() {
			words[3] += ", " + r.GPU
		}
	}
	if s.Digest != "" {
		words[4] = s.Digest[:min(len(s.Digest), shortDigest)]
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), "  ")
}

// row is an arm's first; nil: there is none.
func (e *Evidence) row(arm int) *llamabench.Row {
	for i := range e.Samples {
		if s := &e.Samples[i]; s.Arm == letter(arm) && len(s.Rows) > 0 {
			return &s.Rows[0]
		}
	}
	return nil
}

// build is an arm's: as the image says, else as its rows do.
func (e *Evidence) build(arm int) string {
	if r := e.row(arm); e.Arms[arm].Build == "" && r != nil && r.Build != 0 {
		return fmt.Sprintf("b%d", r.Build)
	}
	return e.Arms[arm].Build
}

// place says where it was measured, and how much.
func (e *Evidence) place() string {
	machine := e.Host.Board
	if machine == "" {
		machine = e.Host.CPU
	}
	rounds := map[bool]string{true: "round", false: "rounds"}[e.Rounds == 1]
	return fmt.Sprintf("on %s, %d CPUs; %d %s%s", machine, e.Host.CPUs, e.Rounds, rounds, e.Everywhere())
}

// Everywhere says what every process of llama-bench is run with besides its arm's own: "; all with -ngl 99", "" where that is nothing.
func (e *Evidence) Everywhere() string {
	words := slices.Concat(EnvironmentWords(e.Environment), e.Args)
	if len(words) == 0 {
		return ""
	}
	return "; all with " + printable.Line(strings.Join(words, " "))
}

// EnvironmentWords say which variables are set or taken away.
func EnvironmentWords(environment []string) []string {
	var words []string
	for _, v := range environment {
		if !strings.Contains(v, "=") {
			v = "without " + v
		}
		words = append(words, v)
	}
	return words
}

// Devices are what computed the arms' rows, each once.
func (e *Evidence) Devices() []string {
	var names []string
	for i := range e.Arms {
		if r := e.row(i); r != nil {
			if name := bench.DeviceOf(r, nil).Name; name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func size(bytes int64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// notes say what the cells do not.
func (e *Evidence) notes(b *strings.Builder) {
	var lines []string
	add := func(format string, args ...any) {
		if l := fmt.Sprintf(format, args...); !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	for _, c := range e.Cells {
		if c.Why != "" {
			add("%s: %s, %s: %s", c.State, e.Runs[c.run].Name(), c.Arm, c.Why)
		}
	}
	for _, f := range e.Faults {
		add("INVALID: %s", f)
	}
	if e.Ended != "" {
		add("%s after %d processes: the same command goes on from here", e.Ended, len(e.Samples))
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(lines, "\n"))
	}
}

// labelWidth is what an arm's name may take in a table.
const labelWidth = 22

// label is the first column of an arm's row.
func (e *Evidence) label(arm int) string {
	name := []rune(string(letter(arm)) + " " + e.Arms[arm].Name)
	if len(name) > labelWidth { // the end of a path, or of an image's name, says more than its beginning
		name = append([]rune(string(letter(arm))+" …"), name[len(name)-labelWidth+3:]...)
	}
	return string(name)
}

// columns are the tests of some runs.
func (e *Evidence) columns(from, to int) *grid {
	g := &grid{labels: [][]string{{"", ""}}}
	for arm := range e.Arms {
		g.labels = append(g.labels, []string{e.label(arm)})
	}
	for arm := 1; arm < len(e.Arms); arm++ {
		g.labels = append(g.labels, []string{fmt.Sprintf("%s against %s", letter(arm), letter(0)), "95 % interval"})
	}
	for run := from; run < to; run++ {
		r := &e.Runs[run]
		for _, test := range r.Tests {
			column := [][]string{{r.Column(test), r.KV.String()}}
			var changes [][]string
			for i := range e.Cells {
				c := &e.Cells[i]
				if c.run != run || c.Test != test {
					continue
				}
				column = append(column, c.figure())
				if c.Arm != letter(0) {
					changes = append(changes, c.change())
				}
			}
			g.columns = append(g.columns, append(column, changes...))
		}
	}
	return g
}

// figure is a cell in its arm's row.
func (c *Cell) figure() []string {
	switch c.State {
	case Unknown:
		return []string{"-"}
	case TimedOut, Failed:
		return []string{string(c.State)}
	}
	out := []string{fmt.Sprintf("%s ±%.1f %%", rank.Text(c.Speed), 100*c.Spread)}
	if c.Processes < 2 {
		out[0] = rank.Text(c.Speed)
	}
	if c.Spec != "" && c.Spec != Off {
		accepted := "nothing drafted"
		if c.Acceptance != nil {
			accepted = fmt.Sprintf("accepted %.0f %%", 100**c.Acceptance)
		}
		out = append(out, accepted)
	}
	return out
}

// change is a cell in its delta row.
func (c *Cell) change() []string {
	if c.Change == nil {
		return []string{"-"}
	}
	interval := "too few pairs"
	if c.Low != nil && c.High != nil {
		interval = fmt.Sprintf("%+.1f to %+.1f", 100**c.Low, 100**c.High)
	}
	return []string{fmt.Sprintf("%+.1f %%", 100**c.Change), interval}
}

// Refused reports whether the samples cannot be trusted.
func (e *Evidence) Refused() bool { return len(e.Faults) > 0 }

// Failures counts the cells that failed; those that took too long are results.
func (e *Evidence) Failures() int {
	n := 0
	for _, c := range e.Cells {
		if c.State == Failed {
			n++
		}
	}
	return n
}
