package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/gate"
	"strix-build/internal/printable"
	"strix-build/internal/recipe"
)

// gateFlags are what gate is asked.
type gateFlags struct {
	candidate, baseline subjectFlags
	policy              string
	models              map[string]string
	drafts, logits      map[string]string
	skip                []string
	ngl, device         string
	evidence, from      string
	anchor              string
	timeout             time.Duration
	json                bool
	narrowed            *recipe.Policy // in place of the one that policy names: a part of it; no flag says so
	staticOnly          bool           // there are no models to run it with; no flag says so
}

func (a *app) gateCmd() *cobra.Command {
	var o gateFlags
	cmd := &cobra.Command{
		Use:   "gate {{--image IMAGE | --bin DIR} {--against IMAGE | --against-bin DIR} | --from EVIDENCE}",
		Short: "prove that an image is right and not slower than another, or refuse it",
		Long: `Checks a candidate and measures it against a baseline, on this host. The stages, of which the first that fails ends it:

  static        without running it: the code is for the image's GPU alone, libraries resolve, what was asked for is to be seen, and
                no kernel that can be chosen lost more than the policy lets it
  correctness   all layers are where they should be, and the model goes on as a reference computed by the CPU does; single
                operations of a GPU give what the CPU gives (llama.cpp's test-backend-ops, of the image's companion: "recipe NAME
                --target test"); drafts change no answer, where the recipe's patches are about them
  serving       llama-server starts as fast, splits the work no more, keeps its slot, its prompt cache and its drafts, says
                nothing odd to a long prompt, loses no memory, and ends when it is asked to
  throughput    baseline, candidate, candidate, baseline, one process of llama-bench a sample, until every cell of the policy is
                decided or its rounds are used up

Everything that was measured goes into one document, the evidence, from which anyone can compute the verdict again (--from). A
run that was interrupted goes on where it was, with the same command.

  PASS          right, and no cell is slower by the policy's limit
  SMOKE         the same, as far as it can be told on another device than the policy wants, or without a program that a check needs
  REGRESSED     some cell is slower by its limit
  MIXED         some cell is slower and another is faster
  INCONCLUSIVE  some cell could be either
  INVALID       the host was not steady, or what was measured cannot be trusted
  FAILED        a check of the image did not hold

Exit code 3: anything but PASS and SMOKE.`,
		Example: `  strix-build gate --image llama:rocm-mmq --against llama:rocm --gpu --ngl 99 \
      --model dense=27b.gguf --model moe=35b-a3b.gguf --model hybrid=next.gguf
  strix-build gate --bin build/bin --against-bin ~/stock/build/bin --policy any-device
  strix-build gate --from evidence.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gate(cmd.Context(), o) },
	}
	f := cmd.Flags()
	o.candidate.register(f)
	f.StringVar(&o.baseline.image, "against", "", "`IMAGE` that is the baseline")
	f.StringVar(&o.baseline.bin, "against-bin", "", "`DIR` with the baseline's programs")
	f.StringVar(&o.policy, "policy", "", "gate policy `NAME` (default: that of the image's recipe, else any-device)")
	f.StringToStringVar(&o.models, "model", nil, "`CLASS=FILE`: the model of a class, where the policy wants your own")
	f.StringToStringVar(&o.drafts, "draft", nil, "`CLASS=FILE`: a model that drafts for the class's own")
	f.StringToStringVar(&o.logits, "logits", nil, "`CLASS=FILE` with what a reference says of the class's model; made where it is not there")
	f.StringSliceVar(&o.skip, "skip", nil, "`STAGES` that are not made: correctness, serving. The best verdict is then SMOKE")
	f.StringVar(&o.ngl, "ngl", "", "`N` layers on the GPU")
	f.StringVar(&o.device, "device", "", "`DEVICES` of llama.cpp")
	f.StringVar(&o.evidence, "evidence", "", "`FILE` for what is measured (default: one of its own in the state folder)")
	f.StringVar(&o.from, "from", "", "judge the evidence in `FILE` again, and measure nothing")
	f.DurationVar(&o.timeout, "timeout", time.Hour, "`TIME` one process may take")
	f.BoolVar(&o.json, "json", false, "print the verdict as JSON")
	f.StringVar(&o.anchor, "anchor", "", "`IMAGE`, or folder of programs, that stays the same over the years: a candidate that passes is measured against it too (gate drift)")
	cmd.AddCommand(a.gateCurveCmd(), a.gateDriftCmd())
	return cmd
}

func (a *app) gate(ctx context.Context, o gateFlags) error {
	if o.from != "" {
		return a.judgeAgain(o)
	}
	return a.measureGate(ctx, o)
}

// judgeAgain computes the verdict of a document, and refuses one that says another.
func (a *app) judgeAgain(o gateFlags) error {
	if o.candidate != (subjectFlags{}) || o.baseline != (subjectFlags{}) {
		return usage("--from measures nothing: it takes no image")
	}
	data, err := os.ReadFile(o.from)
	if err != nil {
		return usage("--from: %v", err)
	}
	e, err := gate.Read(data)
	if err != nil {
		return usage("%s: %v", o.from, err)
	}
	v, err := gate.Again(e)
	if err != nil {
		return fmt.Errorf("%s: %w", o.from, err)
	}
	return a.verdict(e, v, o.json)
}

// anyDevice is the policy of what no recipe speaks for.
const anyDevice = "any-device"

// policyFor loads the policy that is named, or that the subject's recipe names.
func (a *app) policyFor(name string, s *subject) (*recipe.Policy, error) {
	if name == "" && s.recipe != "" {
		p, err := a.project()
		if err != nil {
			return nil, err
		}
		if r, err := recipe.LoadRecipe(p.FS, s.recipe); err == nil { // an image of another project's recipe has none here
			name = r.Gate.Value
		}
	}
	if name == "" {
		name = anyDevice
	}
	return a.policyNamed(name)
}

// policyNamed loads a gate policy of the project.
func (a *app) policyNamed(name string) (*recipe.Policy, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	all, err := recipe.LoadPolicies(p.FS)
	if err != nil {
		return nil, err
	}
	return all.Policy(name)
}

// gatePolicy is a project's policy in the evidence's form.
func gatePolicy(p *recipe.Policy) gate.Policy {
	out := gate.Policy{Name: p.Name, Device: p.Device.Value, Limits: map[string]float64{}, Error: float64(p.Error), Divergence: float64(p.Divergence), Load: float64(p.Load), Looks: p.Rounds, Canary: p.Canary,
		Budget: time.Duration(p.Budget), Settle: time.Duration(p.Settle), Others: float64(p.Others), Repetitions: p.Repetitions}
	for _, class := range recipe.Classes() {
		if _, ok := p.Models[class]; ok {
			out.Classes = append(out.Classes, class)
		}
	}
	for test, limit := range p.Limits {
		out.Limits[test] = float64(limit)
	}
	out.Kernels, out.ImageSize = p.Kernels, int64(p.ImageSize)
	return out
}

// headline says what was compared, by what, and on what.
func headline(e *gate.Evidence) string {
	text := e.Candidate.Name
	if e.Baseline != nil {
		text += " against " + e.Baseline.Name
	}
	text += ", policy " + e.Policy.Name
	if e.Device.Kind != "" {
		text += fmt.Sprintf(", on %s (%s)", e.Device.Kind, e.Device.Name)
	}
	return text
}

// verdict prints a verdict and turns it into the exit code.
func (a *app) verdict(e *gate.Evidence, v gate.Verdict, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(a.out).Encode(v); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.out, printable.Line(headline(e)))
		if err := e.ChecksText(a.out); err != nil {
			return err
		}
		if err := v.Text(a.out); err != nil {
			return err
		}
	}
	if v.Refused() {
		return &refusedError{fmt.Sprintf("%s: %s", e.Candidate.Name, v.Word)}
	}
	return nil
}
