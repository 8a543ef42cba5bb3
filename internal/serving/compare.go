package serving

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/llamaserver"
	"strix-build/internal/prove"
)

// comparison turns what was seen into checks.
type comparison struct {
	class   string
	load    float64
	drafted bool // with a draft, too
	now     *seen
	base    *seen // nil: there is none, or it failed itself
}

func (c *comparison) checks() []gate.Check {
	var out []gate.Check
	if c.base != nil && c.base.failed != "" {
		out = append(out, gate.Skip(gate.Serving, c.class+": baseline", "there is nothing to compare with: "+c.base.failed))
		c.base = nil
	}
	if c.now.failed != "" {
		return append(out, c.broken("server", c.now.failed))
	}
	out = append(out, c.start(), c.splits(), c.slots(), c.cache(), c.answer(), c.memory(), c.log(), c.shutdown())
	if c.drafted {
		out = append(out, c.acceptance())
	}
	return out
}

func (c *comparison) name(what string) string { return c.class + ": " + what }

func (c *comparison) broken(what, why string) gate.Check {
	return gate.Check{Stage: gate.Serving, Name: c.name(what), Why: why}
}

func (c *comparison) sound(what, why string, figures ...gate.Figure) gate.Check {
	return gate.Checked(gate.Serving, c.name(what), why, figures...)
}

// figure is a number with the baseline's.
func (c *comparison) figure(name, unit string, of func(*seen) float64) gate.Figure {
	now := of(c.now)
	f := gate.Figure{Name: name, Unit: unit, Value: &now}
	if c.base != nil {
		base := of(c.base)
		f.Baseline = &base
	}
	return f
}

// oneSecond is what a start may take longer in any case: small models load in less.
const oneSecond = 1

func (c *comparison) start() gate.Check { return c.sound("load", "", c.loading()) }

func (c *comparison) loading() gate.Figure {
	f := c.figure("ready after", "s", func(s *seen) float64 { return s.load.Seconds() })
	if f.Baseline != nil && c.load > 0 {
		most := *f.Baseline*(1+c.load) + oneSecond
		f.Most = &most
	}
	return f
}

func (c *comparison) splits() gate.Check {
	if c.now.splits == 0 {
		return gate.Skip(gate.Serving, c.name("graph splits"), "the server does not say into how many pieces it splits the work")
	}
	return c.sound("graph splits", "", c.pieces())
}

func (c *comparison) pieces() gate.Figure {
	f := c.figure("graph splits", "", func(s *seen) float64 { return float64(s.splits) })
	if f.Baseline != nil && *f.Baseline > 0 {
		f.Most = f.Baseline
	}
	return f
}

func (c *comparison) slots() gate.Check {
	f := c.figure("slots", "", func(s *seen) float64 { return float64(s.slots) })
	one := 1.
	f.Least, f.Most = &one, &one
	return c.sound("slots", "", f)
}

func (c *comparison) cache() gate.Check {
	f := c.figure("tokens", "", func(s *seen) float64 { return float64(s.cached) })
	f.Least = f.Baseline // hybrid models can go back to some places only; the baseline knows which
	return c.sound("prompt cache", fmt.Sprintf("of %d that two prompts share", c.now.shared), f)
}

func (c *comparison) answer() gate.Check {
	const name = "long prompt"
	said := &c.now.said
	var base *speech
	if c.base != nil {
		base = &c.base.said
	}
	if odd := said.oddities(base); len(odd) > 0 {
		var words []string
		for _, o := range odd {
			words = append(words, o.text)
		}
		return c.broken(name, strings.Join(words, "; ")+": "+said.excerpt())
	}
	if base == nil {
		return c.sound(name, said.excerpt())
	}
	return c.sound(name, fmt.Sprintf("%d tokens of %d are the baseline's", said.same(base), len(said.tokens)))
}

// Memory that may be gained without being a leak: allocators give back late, and a driver keeps some for the next program.
const (
	mostGrowth = 16 << 20
	mostLeft   = 64 << 20
	megabyte   = 1e6
)

func (c *comparison) memory() gate.Check {
	const name = "memory"
	if !c.now.growth.known {
		return gate.Skip(gate.Serving, c.name(name), llamaserver.ErrNotSeen.Error())
	}
	grown := c.figure("grown by", "MB", func(s *seen) float64 { return float64(s.growth.bytes) / megabyte })
	most := float64(mostGrowth) / megabyte
	if grown.Baseline != nil {
		most = max(most, 2**grown.Baseline)
	}
	grown.Most = &most
	figures := []gate.Figure{grown}
	if c.now.left.known {
		left := c.figure("left on the GPU", "MB", func(s *seen) float64 { return float64(s.left.bytes) / megabyte })
		bound := float64(mostLeft) / megabyte
		left.Most = &bound
		figures = append(figures, left)
	}
	return c.sound(name, fmt.Sprintf("over %d requests", requests-settledAfter), figures...)
}

func (c *comparison) log() gate.Check {
	var lines []string
	for _, l := range c.now.signs {
		if c.base == nil || !slices.Contains(c.base.signs, l) {
			lines = append(lines, fmt.Sprintf("%q", l))
		}
	}
	if len(lines) > 0 {
		return c.broken("log", "it wrote "+strings.Join(lines, ", "))
	}
	return c.sound("log", "")
}

func (c *comparison) shutdown() gate.Check {
	const name = "shutdown"
	switch {
	case errors.Is(c.now.end, llamaserver.ErrNotSeen):
		return gate.Skip(gate.Serving, c.name(name), c.now.end.Error())
	case c.now.end != nil && (c.base == nil || c.base.end == nil):
		return c.broken(name, c.now.end.Error())
	case c.now.end != nil:
		return c.sound(name, "as the baseline's: "+c.now.end.Error())
	}
	return c.sound(name, "it ended when it was asked to")
}

func (c *comparison) acceptance() gate.Check {
	const name = "acceptance"
	if c.now.drafts == nil {
		why := fmt.Sprintf("it drafts nothing and says %q", c.now.refuse)
		switch {
		case c.base == nil:
			return gate.Skip(gate.Serving, c.name(name), why)
		case c.base.drafts == nil:
			return c.sound(name, why+", as the baseline does")
		}
		return c.broken(name, why+"; the baseline drafts")
	}
	check := prove.Acceptance(c.now.drafts)
	if check.Verdict != prove.OK {
		return c.broken(name, check.Why)
	}
	return c.sound(name, check.Why)
}
