package campaign

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"strix-build/internal/rank"
)

// Text writes a comparison for people: the tests model by model, then a line for each class.
func (c *Comparison) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nagainst %s\n", c.After.what(), c.Before.what())
	for i := 0; i < len(c.Tests); {
		j := i
		for j < len(c.Tests) && c.Tests[j].Model == c.Tests[i].Model && c.Tests[j].KV == c.Tests[i].KV {
			j++
		}
		c.model(&b, c.Tests[i:j])
		i = j
	}
	fmt.Fprintln(&b)
	c.summary(&b)
	for _, n := range c.Notes {
		fmt.Fprintln(&b, n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// what is a base in words.
func (b *Base) what() string {
	device := b.GPU
	if device == "" {
		device = b.CPU
	}
	return fmt.Sprintf("%s: b%d, %s, %s", b.Name, b.Build, b.Backends, device)
}

// sheet aligns columns.
func sheet(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// model writes the tests of one model.
func (c *Comparison) model(w io.Writer, tests []Test) {
	fmt.Fprintf(w, "\n%s: %s, KV cache %s, tokens a second\n", tests[0].Class, tests[0].Model, tests[0].KV)
	t := sheet(w)
	fmt.Fprintln(t, "TEST\tBEFORE\tAFTER\tCHANGE\t90 % INTERVAL\tSAMPLES\tRESULT")
	for _, x := range tests {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d, %d\t%s\n", x.Test, rank.Text(x.Before), rank.Text(x.After), percent(x.Change), interval(x.Low, x.High), x.SamplesBefore, x.SamplesAfter, x.Word)
	}
	_ = t.Flush() // what is below keeps the error
}

// summary writes a line for each class.
func (c *Comparison) summary(w io.Writer) {
	t := sheet(w)
	fmt.Fprintln(t, "CLASS\tTESTS OF\tMODELS\tTESTS\tMEDIAN\tFROM\tTO\tRESULT")
	for _, x := range c.Classes {
		var counts []string
		for _, word := range []Word{Faster, Same, Open, Slower, TooFew} {
			if n := x.Words[word]; n > 0 && n < x.Tests {
				counts = append(counts, fmt.Sprintf("%d %s", n, word))
			}
		}
		text := string(x.Word)
		if len(counts) > 0 {
			text += " (" + strings.Join(counts, ", ") + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", x.Class, x.Kind, x.Models, x.Tests, percent(x.Change), percent(x.Least), percent(x.Most), text)
	}
	_ = t.Flush()
}

func percent(x float64) string { return fmt.Sprintf("%+.1f %%", 100*x) }

func interval(low, high *float64) string {
	if low == nil || high == nil {
		return "?"
	}
	return fmt.Sprintf("%+.1f to %+.1f", 100**low, 100**high)
}

// CSV writes a line for each test of all comparisons. Changes are shares, speeds tokens a second; what is not known is empty.
func CSV(w io.Writer, all []*Comparison) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"before", "after", "class", "model", "test", "kv", "tokens_per_second_before", "tokens_per_second_after", "samples_before", "samples_after", "change", "low", "high", "word"}}
	for _, c := range all {
		for _, t := range c.Tests {
			lines = append(lines, slices.Concat([]string{c.Before.Name, c.After.Name, string(t.Class), t.Model, t.Test, t.KV}, numbers(&t.Before, &t.After),
				[]string{strconv.Itoa(t.SamplesBefore), strconv.Itoa(t.SamplesAfter)}, numbers(&t.Change, t.Low, t.High), []string{string(t.Word)}))
		}
	}
	return out.WriteAll(lines)
}

func numbers(all ...*float64) []string {
	var out []string
	for _, x := range all {
		text := ""
		if x != nil {
			text = strconv.FormatFloat(*x, 'g', -1, 64)
		}
		out = append(out, text)
	}
	return out
}
