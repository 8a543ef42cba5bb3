package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/gate"
	"strix-build/internal/plot"
	"strix-build/internal/store"
)

func (a *app) gateDriftCmd() *cobra.Command {
	var ledger, svg string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "what images lost together, against one that stayed the same",
		Long: `Shows the drift ledger: each image that was gated with --anchor, against that anchor. A gate lets an image lose a little against
the one before it, so many can lose a lot; against the anchor, a loss over the policy's limit is REGRESSED however slowly it came.

The images shown are those of the last one's host and anchor: figures of two hosts have nothing in common.`,
		Example: `  strix-build gate --image llama:rocm-mmq --against llama:rocm-mmq-lkg --anchor llama:anchor --gpu --ngl 99
  strix-build gate drift --svg drift.svg`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.showDrift(ledger, svg, asJSON) },
	}
	f := cmd.Flags()
	f.StringVar(&ledger, "ledger", "", "`FILE` of the ledger (default: the state folder's)")
	f.StringVar(&svg, "svg", "", "`FILE` for a plot")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) ledgerFile(file string) (string, error) {
	if file != "" {
		return file, nil
	}
	dir, err := a.state()
	return filepath.Join(dir, "gate", "drift.jsonl"), err
}

// gateDrift measures a candidate that passed against the anchor, writes the ledger's next line, and prints the verdict.
func (a *app) gateDrift(ctx context.Context, o gateFlags) error {
	anchor, err := a.anchorFlags(o.anchor)
	if err != nil {
		return err
	}
	e, err := a.measureDrift(ctx, o, anchor)
	if err != nil {
		return err
	}
	return a.verdict(e, *e.Verdict, o.json)
}

// measureDrift measures what passed against the anchor, and writes the ledger's next line.
func (a *app) measureDrift(ctx context.Context, o gateFlags, anchor subjectFlags) (*gate.Evidence, error) {
	o.baseline = anchor
	o.skip = []string{string(gate.Correctness), string(gate.Serving)} // the candidate's own, which did hold
	if o.evidence != "" {
		o.evidence = driftEvidence(o.evidence)
	}
	e, err := a.gateImage(ctx, o)
	if err != nil {
		return nil, err
	}
	entry, err := gate.NewEntry(e)
	if err != nil {
		return nil, err
	}
	return e, a.writeLedger(entry)
}

// anchorFlags finds an anchor: an image, or a folder of programs.
func (a *app) anchorFlags(name string) (subjectFlags, error) {
	img, err := a.findImage(name)
	if st, failed := os.Stat(name); err == nil && img == nil && failed == nil && st.IsDir() {
		return subjectFlags{bin: name}, nil
	}
	return subjectFlags{image: name}, err
}

func (a *app) writeLedger(entry gate.Entry) error {
	file, err := a.ledgerFile("")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := gate.ReadLedger(data); err != nil { // nothing is put after what is broken
		return fmt.Errorf("%s: %w", file, err)
	}
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return store.WriteFile(file, append(append(data, line...), '\n'))
}

func (a *app) showDrift(file, svg string, asJSON bool) error {
	file, err := a.ledgerFile(file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return usage("there is no ledger yet: %s; gate --anchor writes it", file)
	}
	if err != nil {
		return err
	}
	ledger, err := gate.ReadLedger(data)
	if err != nil {
		return usage("%s: %v", file, err)
	}
	series := gate.Series(ledger)
	if svg != "" {
		var text strings.Builder
		if err := driftPlot(series).SVG(&text); err != nil {
			return err
		}
		if err := store.WriteFile(svg, []byte(text.String())); err != nil {
			return err
		}
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(append([]gate.Entry{}, series...))
	}
	return driftTable(a.out, series)
}

// driftCells are the names of all cells, in order.
func driftCells(series []gate.Entry) []string {
	names := map[string]bool{}
	for _, e := range series {
		for _, c := range e.Cells {
			names[c.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func driftTable(w io.Writer, series []gate.Entry) error {
	names := driftCells(series)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "WHEN\tIMAGE\tBUILD\tVERDICT\t%s\n", strings.Join(names, "\t"))
	for _, e := range series {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s", e.When.Format("2006-01-02"), e.Candidate.Name, e.Candidate.Build, e.Verdict)
		for _, name := range names {
			text := "-"
			if c := cellNamed(e, name); c != nil && c.Pairs > 0 {
				text = fmt.Sprintf("%+.2f %%", 100*c.Change)
			}
			fmt.Fprintf(t, "\t%s", text)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func cellNamed(e gate.Entry, name string) *gate.Cell {
	i := slices.IndexFunc(e.Cells, func(c gate.Cell) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Cells[i]
}

// driftPlot shows each cell's speed, image by image.
func driftPlot(series []gate.Entry) plot.Plot {
	p := plot.Plot{Title: "Speed against the anchor", X: "images, the oldest first", Y: "percent of the anchor's speed", BottomY: 100}
	if len(series) > 0 {
		p.Title += " " + series[0].Anchor.Name
	}
	for _, name := range driftCells(series) {
		l := plot.Line{Name: name}
		for i, e := range series {
			if c := cellNamed(e, name); c != nil && c.Pairs > 0 {
				l.X, l.Y = append(l.X, float64(i+1)), append(l.Y, 100*(1+c.Change))
				p.BottomY = min(p.BottomY, l.Y[len(l.Y)-1])
			}
		}
		p.Lines = append(p.Lines, l)
	}
	p.BottomY -= 1 // a line's own width
	p.TopY = 101
	for _, l := range p.Lines {
		for _, y := range l.Y {
			p.TopY = max(p.TopY, y+1)
		}
	}
	return p
}

// driftEvidence is the file for what was measured against the anchor, beside the gate's own.
func driftEvidence(file string) string { return strings.TrimSuffix(file, ".json") + "-drift.json" }
