package correctness

import (
	"math"
	"regexp"
	"slices"
	"strconv"

	"strix-build/internal/gate"
)

// statistic is a line of llama-perplexity's report. (tools/perplexity/perplexity.cpp, the same at b8779, b9880 and b10470)
type statistic struct {
	name, unit string
	line       *regexp.Regexp
}

func line(label string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^` + label + `\s*:\s*(\S+?)%?(?:\s|$)`)
}

// The statistics that are read.
var (
	meanDivergence = statistic{"mean divergence", "nats", line(`Mean\s+KLD`)}
	maxDivergence  = statistic{"maximum", "nats", line(`Maximum KLD`)}
	sameTop        = statistic{"same first choice", "%", line(`Same top p`)}
	perplexity     = statistic{"perplexity", "", line(`Mean PPL\(Q\)`)}
	basePerplexity = statistic{"perplexity of the reference", "", line(`Mean PPL\(base\)`)}
)

// figure reads a statistic; false: it is not there. One that is there and no number has no value.
func (s statistic) figure(report string) (gate.Figure, bool) {
	f := gate.Figure{Name: s.name, Unit: s.unit}
	m := s.line.FindStringSubmatch(report)
	if m == nil {
		return f, false
	}
	if x, err := strconv.ParseFloat(m[1], 64); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
		f.Value = &x
	}
	return f, true
}

// statistics are all, the one that is judged first.
func statistics() []statistic {
	return []statistic{meanDivergence, maxDivergence, sameTop, perplexity, basePerplexity}
}

// whole reports whether a report has all that is read of it.
func whole(report string) bool {
	return !slices.ContainsFunc(statistics(), func(s statistic) bool { return !s.line.MatchString(report) })
}

// divergence checks what the candidate says against the reference.
func (o *Options) divergence(m Model, report string) gate.Check {
	c := gate.Checked(gate.Correctness, m.Class+": divergence", "")
	for _, s := range statistics() {
		f, there := s.figure(report)
		switch {
		case !there:
			return gate.Check{Stage: c.Stage, Name: c.Name, Why: Program + " printed no " + s.name}
		case s.name == basePerplexity.name && f.Value == nil:
			return gate.Skip(c.Stage, c.Name, "the reference itself is no number")
		case s.name == meanDivergence.name:
			f.Most = o.most()
		}
		c.Figures = append(c.Figures, f)
	}
	return c
}

// most is the policy's bound. Without one, a number is still wanted.
func (o *Options) most() *float64 {
	most := o.Most
	if most == 0 {
		most = math.MaxFloat64
	}
	return &most
}
