package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/recipe"
)

func (a *app) planCmd() *cobra.Command {
	var (
		bf     buildFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:               "plan NAME...",
		Short:             "show what a build would do; no network, no builder",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeRecipes,
		RunE: func(_ *cobra.Command, names []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			opt, err := bf.options()
			if err != nil {
				return err
			}
			b := &build.Builder{Project: p}
			for _, n := range names {
				plan, err := b.Plan(n, opt)
				if err != nil {
					return err
				}
				if plan.Choices == nil {
					return usage("--base %q: plan needs a build number (b9909); other references need the source", opt.Base)
				}
				v := view(plan, opt)
				if asJSON {
					err = json.NewEncoder(a.out).Encode(v)
				} else {
					err = v.print(a.out)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	bf.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one document a recipe")
	return cmd
}

// planView is what people and programs see of a plan.
type planView struct {
	Recipe    string            `json:"recipe"`
	Image     string            `json:"image"`
	Track     string            `json:"track"`
	LlamaCpp  string            `json:"llama.cpp"`
	Commit    string            `json:"commit,omitempty"` // not known where --base names a build
	Source    string            `json:"source"`
	Container string            `json:"container"`
	Base      string            `json:"base"`
	Backend   string            `json:"backend"`
	Target    string            `json:"target,omitempty"`
	Patches   []string          `json:"patches"`
	Parts     []string          `json:"parts,omitempty"`
	CMake     map[string]string `json:"cmake"`
	Env       map[string]string `json:"env"`
	Programs  []string          `json:"programs"`
	KeepGPUs  []string          `json:"keep-gpus,omitempty"`
	Steps     []string          `json:"steps"`
	Waived    []waived          `json:"waived,omitempty"`
	Notes     []string          `json:"notes"`
}

// waived is an advisory that was set aside.
type waived struct {
	Advisory string `json:"advisory"`
	Severity string `json:"severity"`
	Reason   string `json:"reason"`
	Summary  string `json:"summary"`
}

func view(p *build.Plan, opt build.Options) planView {
	v := planView{
		Recipe: p.Recipe.Name.Value, Image: p.Recipe.ImageName(), Track: p.Track.Name, LlamaCpp: p.Build.String(), Commit: p.Lock.LlamaCpp.Commit.Value,
		Container: p.Container.Name.Value, Backend: p.Recipe.Backend.Value, Target: p.Recipe.Target.Value,
		Patches: []string{}, CMake: choices(p.Choices.CMake), Env: choices(p.Choices.Env), Programs: p.Choices.Programs,
		Parts: parts(p, opt), Notes: append([]string{}, p.Choices.Notes...),
	}
	for _, w := range p.Warnings {
		v.Notes = append(v.Notes, w.Msg)
	}
	for _, s := range p.Waived() {
		v.Waived = append(v.Waived, waived{s.Name, s.Severity.Value, s.Waived, s.Summary.Value})
	}
	if opt.Base != "" {
		v.Commit = "" // plan does not look into the source
	}
	if src := p.SourceOf(opt); src.URL != "" {
		v.Source = src.URL
	} else {
		v.Source = src.Path
	}
	base := p.Lock.Containers[v.Container]
	v.Base = base.Image.Value
	switch {
	case v.Base != "":
	case base.Bootstrap.Value != "":
		v.Base = "debootstrap " + base.Bootstrap.Value
	default:
		v.Base = fmt.Sprintf("not pinned by track %s; run `strix-build lock`", p.Lock.Track)
	}
	for _, k := range p.Recipe.KeepGPUs {
		v.KeepGPUs = append(v.KeepGPUs, k.Value)
	}
	v.Steps = []string{"toolchain", "source"}
	for _, pp := range p.Patches {
		v.Patches = append(v.Patches, patchText(pp))
		v.Steps = append(v.Steps, "patch "+pp.Set.Name)
	}
	v.Steps = append(append(v.Steps, p.Choices.Steps...), "configure", "compile", "runtime", "verify", "image")
	return v
}

// parts says what of other repositories the recipe's features need, and from where it comes.
func parts(p *build.Plan, opt build.Options) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p.Choices.Parts)) {
		part, from := p.Container.Parts[name], p.Choices.Parts[name].Value
		if src, ok := opt.Parts[name]; ok {
			from = src.String()
		}
		out = append(out, fmt.Sprintf("%s %.12s: %s at %s, from %s", name, part.Commit, part.Folder, part.To, from))
	}
	return out
}

func patchText(pp build.PlannedPatch) string {
	if pull := pp.Variant.Pull; pull != nil {
		return fmt.Sprintf("%s %s: pull request %d, %.9s..%.9s", pp.Set.Name, pp.Variant.Window, pull.Number, pull.Base, pull.Head)
	}
	return fmt.Sprintf("%s %s: series %s", pp.Set.Name, pp.Variant.Window, pp.Variant.Series)
}

func choices(m map[string]recipe.Choice) map[string]string {
	out := map[string]string{}
	for k, c := range m {
		out[k] = c.Value
	}
	return out
}

func (v planView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(k, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", k, fmt.Sprintf(format, args...)) }
	row("recipe", "%s, image %s, track %s", v.Recipe, v.Image, v.Track)
	commit := ""
	if v.Commit != "" {
		commit = fmt.Sprintf(" commit %.12s,", v.Commit)
	}
	row("llama.cpp", "%s,%s from %s", v.LlamaCpp, commit, v.Source)
	row("container", "%s, base: %s", v.Container, v.Base)
	row("backend", "%s", strings.TrimSpace(v.Backend+" "+v.Target))
	if len(v.KeepGPUs) > 0 {
		row("keep-gpus", "%s", strings.Join(v.KeepGPUs, " "))
	}
	for _, p := range v.Patches {
		row("patch", "%s", p)
	}
	for _, p := range v.Parts {
		row("part", "%s", p)
	}
	for _, k := range slices.Sorted(maps.Keys(v.CMake)) {
		row("cmake", "%s=%s", k, v.CMake[k])
	}
	for _, k := range slices.Sorted(maps.Keys(v.Env)) {
		row("environment", "%s=%s", k, v.Env[k])
	}
	row("programs", "%s", strings.Join(v.Programs, " "))
	row("steps", "%s", strings.Join(v.Steps, ", "))
	for _, s := range v.Waived {
		row("waived", "%s (%s): %s", s.Advisory, s.Reason, s.Summary)
	}
	for _, n := range v.Notes {
		row("note", "%s", n)
	}
	return t.Flush()
}
