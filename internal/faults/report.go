package faults

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Tally is what came of the trials of one kind.
type Tally struct {
	Kind   Kind           `json:"kind"`
	Trials int            `json:"trials"`
	Ended  map[Ending]int `json:"ended"`
	Sent   int64          `json:"sent"`  // bytes, by both runs
	Again  int64          `json:"again"` // of these, bytes of blobs that the registry had
	Wrong  int            `json:"wrong"` // trials in which something was
}

// Tallies sums trials up, by kind in their order.
func Tallies(trials []*Trial) []Tally {
	var out []Tally
	for _, k := range Kinds() {
		t := Tally{Kind: k, Ended: map[Ending]int{}}
		for _, trial := range trials {
			if trial.Kind != k {
				continue
			}
			t.Trials++
			t.Ended[trial.Ended]++
			t.Sent += trial.First.Sent + trial.Second.Sent
			t.Again += trial.First.Again + trial.Second.Again
			if len(trial.Wrong) > 0 {
				t.Wrong++
			}
		}
		if t.Trials > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Table writes tallies as Markdown, with a line for all.
func Table(w io.Writer, trials []*Trial) error {
	all := Tally{Ended: map[Ending]int{}}
	rows := []string{
		"| fault | trials | went on by itself | gave up, and was run again | killed, and was run again | sent, MiB | sent though they were there, bytes of blobs | something wrong |",
		"|---|---|---|---|---|---|---|---|",
	}
	for _, t := range Tallies(trials) {
		rows = append(rows, t.row(t.Kind.Text()))
		all.Trials, all.Sent, all.Again, all.Wrong = all.Trials+t.Trials, all.Sent+t.Sent, all.Again+t.Again, all.Wrong+t.Wrong
		for e, n := range t.Ended {
			all.Ended[e] += n
		}
	}
	rows = append(rows, all.row("**all**"))
	_, err := fmt.Fprintln(w, strings.Join(rows, "\n"))
	return err
}

// Aligned writes tallies for a terminal.
func Aligned(w io.Writer, trials []*Trial) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FAULT\tTRIALS\tWENT ON\tAGAIN\tKILLED\tMIB\tWRONG")
	for _, row := range Tallies(trials) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%.1f\t%d\n", row.Kind, row.Trials, row.Ended[WentOn], row.Ended[GaveUp], row.Ended[Killed], float64(row.Sent)/mebibyte, row.Wrong)
	}
	return t.Flush()
}

const mebibyte = 1 << 20

func (t Tally) row(name string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %.1f | %d | %d |", name, t.Trials, t.Ended[WentOn], t.Ended[GaveUp], t.Ended[Killed],
		float64(t.Sent)/mebibyte, t.Again, t.Wrong)
}

// Line says what came of one trial.
func (t *Trial) Line() string {
	line := fmt.Sprintf("%s: %s, %d times, %.1f s", t.Fault, t.Ended, t.Hit, t.Took.Round(time.Millisecond).Seconds())
	for _, w := range t.Wrong {
		line += "; WRONG: " + w
	}
	return line
}

// Failed are the trials in which something was wrong.
func Failed(trials []*Trial) []*Trial {
	return slices.DeleteFunc(slices.Clone(trials), func(t *Trial) bool { return len(t.Wrong) == 0 })
}
