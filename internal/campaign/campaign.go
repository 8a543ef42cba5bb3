// Package campaign compares what llama-bench wrote on different builds or backends, without running anything: per model and test the
// change, its interval and a word, and a word for each class of models.
//
// It does not know whether the machines were alike or quiet: that is for the gate, which measures both in turn.
package campaign

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"strix-build/internal/gguf"
	"strix-build/internal/rank"
)

// Word is what samples say of a test, or of a class.
type Word string

// The words.
const (
	Faster Word = "faster"  // by more than the limit: the whole interval is above it
	Slower Word = "slower"  // by more than the limit
	Same   Word = "same"    // the whole interval is within the limits
	Open   Word = "open"    // it could be either
	TooFew Word = "too few" // samples for an interval
	Mixed  Word = "mixed"   // some tests of a class are faster, and some slower
)

// Limits are the changes that count, as shares.
type Limits struct {
	Prompt     float64 `json:"prompt"`
	Generation float64 `json:"generation"`
}

// alpha is the chance that an interval misses the true change, at each end: with three samples on both sides, which is what llama-bench
// campaigns have, there is none for less.
const alpha = 0.05

// Test is one test of one model on two bases.
type Test struct {
	Class  gguf.Class `json:"class"`
	Model  string     `json:"model"` // name of the file
	Test   string     `json:"test"`
	KV     string     `json:"kv"`
	Before float64    `json:"before"` // medians, tokens a second
	After  float64    `json:"after"`
	// The samples of both: medians of processes where both have three of them, else repetitions.
	SamplesBefore int      `json:"samplesBefore"`
	SamplesAfter  int      `json:"samplesAfter"`
	Processes     bool     `json:"processes"`
	Change        float64  `json:"change"` // share of the speed before
	Low           *float64 `json:"low"`    // null: too few samples
	High          *float64 `json:"high"`
	Word          Word     `json:"word"`

	prompt bool
}

// Comparison is one base against another.
type Comparison struct {
	Before  *Base    `json:"before"`
	After   *Base    `json:"after"`
	Tests   []Test   `json:"tests"`
	Classes []Class  `json:"classes"`
	Notes   []string `json:"notes"` // what else differs
}

// Class is a class of models as a whole, prompts or generation.
type Class struct {
	Class  gguf.Class   `json:"class"`
	Kind   string       `json:"kind"` // prompt or generation
	Models int          `json:"models"`
	Tests  int          `json:"tests"`
	Change float64      `json:"change"` // median of the tests', a share
	Least  float64      `json:"least"`
	Most   float64      `json:"most"`
	Words  map[Word]int `json:"words"`
	Word   Word         `json:"word"`
}

// key is what rows of one test have in common.
type key struct{ model, test, kv string }

func (p placed) key() key { return key{path.Base(p.Model), p.Test(), p.TypeK + "/" + p.TypeV} }

// Compare compares what both bases have. Rows of one test with two settings, or of two models of one name, are an error.
func Compare(before, after *Base, limits Limits) (*Comparison, error) {
	c := &Comparison{Before: before, After: after, Tests: []Test{}, Classes: []Class{}, Notes: []string{}}
	a, err := before.tests()
	if err != nil {
		return nil, err
	}
	b, err := after.tests()
	if err != nil {
		return nil, err
	}
	one := 0
	for k, x := range a {
		y, ok := b[k]
		if !ok {
			one++
			continue
		}
		if err := sameModel(x[0], y[0]); err != nil {
			return nil, err
		}
		c.note(x[0], y[0])
		c.Tests = append(c.Tests, compare(k, x, y, limits))
	}
	one += len(b) - len(c.Tests)
	if len(c.Tests) == 0 {
		return nil, fmt.Errorf("%s and %s have no test of one model in common", before.Name, after.Name)
	}
	slices.SortFunc(c.Tests, func(x, y Test) int {
		return cmp.Or(cmp.Compare(x.Class, y.Class), cmp.Compare(x.Model, y.Model), cmp.Compare(x.KV, y.KV), order(x.prompt, y.prompt), cmp.Compare(len(x.Test), len(y.Test)), cmp.Compare(x.Test, y.Test))
	})
	slices.Sort(c.Notes)
	if one > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d tests are in one of them only", one))
	}
	c.classes()
	return c, nil
}

// order puts prompts first.
func order(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// tests are the rows by test.
func (b *Base) tests() (map[key][]placed, error) {
	out := map[key][]placed{}
	for _, p := range b.rows {
		have := out[p.key()]
		if len(have) > 0 {
			if err := sameModel(have[0], p); err != nil {
				return nil, err
			}
			if one, other := settings(have[0]), settings(p); one != other {
				return nil, fmt.Errorf("%s: rows of two settings for %s of %s: %s, and %s at %s", p.at(), p.Test(), p.key().model, other, one, have[0].at())
			}
		}
		out[p.key()] = append(have, p)
	}
	return out, nil
}

func sameModel(x, y placed) error {
	if x.Type != y.Type || x.Size != y.Size || x.Params != y.Params {
		return fmt.Errorf("%s: another model %q than at %s: %s of %d bytes, and %s of %d", y.at(), path.Base(y.Model), x.at(), y.Type, y.Size, x.Type, x.Size)
	}
	return nil
}

func settings(p placed) string {
	return fmt.Sprintf("batch %d, ubatch %d, threads %d, flash attention %d, %d layers on the GPU", p.Batch, p.Ubatch, p.Threads, p.FlashAttn, p.GPULayers)
}

// note tells of settings that differ between the bases: a change may be theirs.
func (c *Comparison) note(x, y placed) {
	if settings(x) == settings(y) {
		return
	}
	var what []string
	for _, s := range []struct {
		name     string
		one, two int
	}{{"batch", x.Batch, y.Batch}, {"ubatch", x.Ubatch, y.Ubatch}, {"threads", x.Threads, y.Threads}, {"flash attention", int(x.FlashAttn), int(y.FlashAttn)},
		{"layers on the GPU", x.GPULayers, y.GPULayers}} {
		if s.one != s.two {
			what = append(what, fmt.Sprintf("%s %d and %d", s.name, s.one, s.two))
		}
	}
	if text := x.key().model + ": " + strings.Join(what, ", "); !slices.Contains(c.Notes, text) {
		c.Notes = append(c.Notes, text)
	}
}

// enoughProcesses is from how many rows on, on both sides, a process is a sample: its repetitions share clocks and memory.
const enoughProcesses = 3

func compare(k key, x, y []placed, limits Limits) Test {
	t := Test{Class: classOf(x[0].Type), Model: k.model, Test: k.test, KV: k.kv, prompt: x[0].Prompt > 0, Processes: len(x) >= enoughProcesses && len(y) >= enoughProcesses}
	a, b := samples(x, t.Processes), samples(y, t.Processes)
	t.SamplesBefore, t.SamplesAfter = len(a), len(b)
	t.Before, t.After = rank.Round(math.Exp(rank.Median(a))), rank.Round(math.Exp(rank.Median(b)))
	s := rank.NewSum(a, b)
	low, high := s.Bounds(alpha)
	t.Change, t.Low, t.High = rank.Share(s.Estimate()), rank.ShareOf(low), rank.ShareOf(high)
	limit := limits.Generation
	if t.prompt {
		limit = limits.Prompt
	}
	t.Word = word(low, high, -math.Log1p(-limit))
	return t
}

// samples are logarithms of speeds.
func samples(rows []placed, processes bool) []float64 {
	var out []float64
	for _, p := range rows {
		var own []float64
		for _, ns := range p.Samples {
			own = append(own, math.Log(float64(p.Prompt+p.Gen)*1e9/float64(ns)))
		}
		if processes {
			own = []float64{rank.Median(own)}
		}
		out = append(out, own...)
	}
	return out
}

// word says what an interval of logarithms means.
func word(low, high, limit float64) Word {
	switch {
	case math.IsInf(low, 0):
		return TooFew
	case low > limit:
		return Faster
	case high < -limit:
		return Slower
	case low > -limit && high < limit:
		return Same
	}
	return Open
}

// classes sums up the tests by class, prompts and generation each.
func (c *Comparison) classes() {
	type group struct {
		class  gguf.Class
		prompt bool
	}
	groups := map[group][]Test{}
	for _, t := range c.Tests {
		g := group{t.Class, t.prompt}
		groups[g] = append(groups[g], t)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(x, y group) int { return cmp.Or(cmp.Compare(x.class, y.class), order(x.prompt, y.prompt)) })
	for _, g := range keys {
		c.Classes = append(c.Classes, summary(g.class, g.prompt, groups[g]))
	}
}

func summary(class gguf.Class, prompt bool, tests []Test) Class {
	out := Class{Class: class, Kind: "generation", Tests: len(tests), Words: map[Word]int{}}
	if prompt {
		out.Kind = "prompt"
	}
	models := map[string]bool{}
	var changes []float64
	for _, t := range tests {
		models[t.Model] = true
		out.Words[t.Word]++
		changes = append(changes, t.Change)
	}
	out.Models, out.Change, out.Least, out.Most = len(models), rank.Median(changes), slices.Min(changes), slices.Max(changes)
	out.Word = overall(out.Words, len(tests))
	return out
}

// overall is the word of a class: mixed where tests contradict each other, else that of half of them or more.
func overall(words map[Word]int, tests int) Word {
	if words[Faster] > 0 && words[Slower] > 0 {
		return Mixed
	}
	for _, w := range []Word{Faster, Slower, Same, TooFew} {
		if 2*words[w] >= tests {
			return w
		}
	}
	return Open
}
