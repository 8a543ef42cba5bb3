package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/plot"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// curveFlags are what gate curve is asked.
type curveFlags struct {
	noise, policy, svg string
	columns            map[string]string
	losses             []float64
	runs               int
	windows            bool
	seed               uint64
	json               bool
}

func (a *app) gateCurveCmd() *cobra.Command {
	var o curveFlags
	cmd := &cobra.Command{
		Use:   "curve --noise FILE",
		Short: "how often the gate is wrong on a host's own noise",
		Long: `Plays gates on what one host measured again and again while nothing changed. The candidate's figures are the host's own, less
a share in one test, so what each gate ought to say is known. With no loss, REGRESSED is a false alarm and INCONCLUSIVE is time
lost; with a loss over the policy's limit, everything but a refusal is an escape.

FILE is evidence of a gate, whose baseline is used, or a JSON list of objects with a number for each --column.`,
		Example: `  strix-build gate curve --noise results.json --column pp=pp512 --column tg=tg128
  strix-build gate curve --noise evidence.json --policy any-device --svg curve.svg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gateCurve(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.noise, "noise", "", "`FILE` with the host's noise")
	f.StringToStringVar(&o.columns, "column", nil, "`NAME=TEST`: which number of the list is which llama-bench test")
	f.StringVar(&o.policy, "policy", "standard", "gate policy `NAME`")
	f.Float64SliceVar(&o.losses, "loss", []float64{0, 1, 2, 3, 4, 5, 6, 8}, "`PERCENT` that the candidate loses, in one test at a time")
	f.IntVar(&o.runs, "runs", 1000, "`N` gates for each point")
	f.BoolVar(&o.windows, "windows", false, "take consecutive processes for each gate, from each place in turn, in place of random pieces of eight")
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides what is random")
	f.StringVar(&o.svg, "svg", "", "`FILE` for a plot")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (a *app) gateCurve(ctx context.Context, o curveFlags) error {
	if o.noise == "" || o.runs < 1 || len(o.losses) == 0 {
		return usage("--noise FILE is needed, and --runs and --loss must say something")
	}
	policy, err := a.policyNamed(o.policy)
	if err != nil {
		return err
	}
	noise, err := readNoise(o.noise, o.columns)
	if err != nil {
		return usage("%s: %v", o.noise, err)
	}
	losses := map[string][]float64{}
	for test := range noise {
		if _, ok := policy.Limits[test]; !ok {
			return usage("%s: policy %q has no limit for %s", o.noise, policy.Name, test)
		}
		for _, percent := range o.losses {
			if percent < 0 || percent >= 100 {
				return usage("--loss %g: want percent, from 0 to 100", percent)
			}
			losses[test] = append(losses[test], percent/100)
		}
	}
	draw := gate.Blocks
	if o.windows {
		draw = gate.Windows
	}
	points, err := gate.Curve(ctx, gatePolicy(policy), noise, draw, losses, o.runs, o.seed)
	if err != nil {
		return err
	}
	return a.printCurve(points, policy, o)
}

func (a *app) printCurve(points []gate.Point, policy *recipe.Policy, o curveFlags) error {
	if o.svg != "" {
		var svg strings.Builder
		if err := curvePlot(points, policy).SVG(&svg); err != nil {
			return err
		}
		if err := store.WriteFile(o.svg, []byte(svg.String())); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(a.out).Encode(points)
	}
	return curveTable(a.out, points)
}

func curveTable(w io.Writer, points []gate.Point) error {
	words := []gate.Word{gate.Pass, gate.Inconclusive, gate.Regressed, gate.Mixed, gate.Invalid}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "TEST\tLOSS\tGATES\tROUNDS\t")
	for _, word := range words {
		fmt.Fprintf(t, "%s\t", word)
	}
	fmt.Fprintln(t)
	for _, p := range points {
		fmt.Fprintf(t, "%s\t%.3g %%\t%d\t%.1f\t", p.Test, 100*p.Loss, p.Runs, p.Rounds)
		for _, word := range words {
			fmt.Fprintf(t, "%.1f %%\t", 100*p.Share(word))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// curvePlot shows how often a loss is found.
func curvePlot(points []gate.Point, policy *recipe.Policy) plot.Plot {
	out := plot.Plot{Title: "How often a loss is refused, policy " + policy.Name, X: "loss in one test, percent", Y: "gates that end REGRESSED, percent", TopY: 100}
	lines := map[string]*plot.Line{}
	for _, p := range points {
		l := lines[p.Test]
		if l == nil {
			l = &plot.Line{Name: fmt.Sprintf("%s (limit %.3g %%)", p.Test, 100*float64(policy.Limits[p.Test]))}
			lines[p.Test] = l
		}
		l.X, l.Y = append(l.X, 100*p.Loss), append(l.Y, 100*p.Share(gate.Regressed))
	}
	for _, test := range slices.Sorted(maps.Keys(lines)) {
		out.Lines = append(out.Lines, *lines[test])
	}
	return out
}

// readNoise reads what one host measured again and again.
func readNoise(file string, columns map[string]string) (gate.Noise, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		e, err := gate.Read(data)
		if err != nil {
			return nil, fmt.Errorf("%w; a list needs --column", err)
		}
		return e.Noise()
	}
	var rows []map[string]any
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("no list of objects: %w", err)
	}
	noise := gate.Noise{}
	for name, test := range columns {
		if _, _, _, err := llamabench.ParseTest(test); err != nil {
			return nil, fmt.Errorf("--column %s: %w", name, err)
		}
		for i, row := range rows {
			x, ok := row[name].(float64)
			if !ok || x <= 0 {
				return nil, fmt.Errorf("row %d has no speed %q", i+1, name)
			}
			noise[test] = append(noise[test], x)
		}
	}
	return noise, noise.Check()
}
