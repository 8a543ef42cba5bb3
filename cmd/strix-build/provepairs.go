package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"strix-build/internal/gguf"
	"strix-build/internal/prove"
	"strix-build/internal/runner"
)

// pairFlags choose what is drafted for and with what.
type pairFlags struct {
	models        []string
	accepts       []string
	target, draft string
	requireHybrid bool
}

func (o *pairFlags) register(f *pflag.FlagSet) {
	f.StringSliceVar(&o.models, "model", nil, "smoke `MODELS`: "+strings.Join(modelNames(), ", ")+" (default: all)")
	f.StringSliceVar(&o.accepts, "accept", nil, "`RATES` of the smoke drafts (default: "+strings.Join(acceptWords(), ", ")+")")
	f.StringVar(&o.target, "target", "", "GGUF `FILE` of your own, with --draft")
	f.StringVar(&o.draft, "draft", "", "GGUF `FILE` that drafts for --target")
	f.BoolVar(&o.requireHybrid, "require-hybrid", false, "refuse models without recurrent state, which prove nothing of its rollback")
}

func modelNames() []string {
	var out []string
	for _, m := range gguf.Models() {
		out = append(out, m.Name)
	}
	return out
}

func acceptWords() []string {
	var out []string
	for _, a := range gguf.Accepts() {
		out = append(out, fmt.Sprintf("%g", a))
	}
	return out
}

func (o *pairFlags) check() error {
	switch {
	case (o.target == "") != (o.draft == ""):
		return usage("--target and --draft go together")
	case o.target != "" && len(o.models)+len(o.accepts) > 0:
		return usage("--model and --accept choose smoke models; --target is one of your own")
	}
	for _, m := range o.models {
		if !slices.Contains(modelNames(), m) {
			return usage("--model %q: there are %s", m, strings.Join(modelNames(), ", "))
		}
	}
	for _, a := range o.accepts {
		if !slices.Contains(acceptWords(), a) {
			return usage("--accept %q: there are %s", a, strings.Join(acceptWords(), ", "))
		}
	}
	return nil
}

// pairs reads the files that are given, on a host, or makes smoke models in dir.
func (o *pairFlags) pairs(ctx context.Context, a *app, h runner.Host, dir string) ([]prove.Pair, error) {
	if o.target != "" {
		return o.own(ctx, a, h)
	}
	var models []gguf.Model
	for _, m := range gguf.Models() {
		switch {
		case len(o.models) > 0 && !slices.Contains(o.models, m.Name):
		case o.requireHybrid && m.Class != gguf.Hybrid && len(o.models) > 0:
			return nil, usage("--require-hybrid: %s is %s", m.Name, m.Class)
		case o.requireHybrid && m.Class != gguf.Hybrid:
		default:
			models = append(models, m)
		}
	}
	var accepts []float64
	for i, word := range acceptWords() {
		if len(o.accepts) == 0 || slices.Contains(o.accepts, word) {
			accepts = append(accepts, gguf.Accepts()[i])
		}
	}
	return prove.Smoke(dir, models, accepts)
}

// own is a pair of the user's files on a host.
func (o *pairFlags) own(ctx context.Context, a *app, h runner.Host) ([]prove.Pair, error) {
	target, t, _, err := readModel(ctx, h, o.target)
	if err != nil {
		return nil, usage("--target: %v", err)
	}
	draft, d, _, err := readModel(ctx, h, o.draft)
	if err != nil {
		return nil, usage("--draft: %v", err)
	}
	p, err := prove.NewPair(target, draft, t, d)
	if err != nil {
		return nil, usage("%v", err)
	}
	if p.Class != gguf.Hybrid {
		if o.requireHybrid {
			return nil, usage("--require-hybrid: target %q is %s: it has no recurrent state", o.target, p.Class)
		}
		a.printf("%s is %s: nothing is proved of recurrent state and its rollback\n", o.target, p.Class)
	}
	return []prove.Pair{p}, nil
}
