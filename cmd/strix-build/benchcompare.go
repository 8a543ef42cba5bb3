package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/campaign"
	"strix-build/internal/store"
)

// compareFlags are what bench compare is asked.
type compareFlags struct {
	prompt, generation float64 // percent
	jsonFile, csvFile  string
}

func (a *app) benchCompareCmd() *cobra.Command {
	var o compareFlags
	cmd := &cobra.Command{
		Use:   "compare BASE OTHER...",
		Short: "compare what llama-bench wrote before, without measuring",
		Long: `Compares llama-bench's rows ("-o jsonl"), each base a file or a folder of *.jsonl: the others against the first, per model and test, and
per class of models. A base is of one build on one machine.

  faster, slower  by more than the limit: the whole interval is beyond it
  same            the whole interval is within the limits
  open            it could be either
  too few         samples for an interval: three on both sides are the least
  mixed           of a class: some tests are faster, and some slower`,
		Example: "  strix-build bench compare rocm-7.2.4/ vulkan-radv/\n  strix-build bench compare before.jsonl after.jsonl --csv tests.csv",
		Args:    cobra.MinimumNArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return a.benchCompare(args, o) },
	}
	f := cmd.Flags()
	f.Float64Var(&o.prompt, "prompt-limit", 3, "`PERCENT` of change that counts, of prompts")
	f.Float64Var(&o.generation, "generation-limit", 1, "`PERCENT` of change that counts, of generation")
	f.StringVar(&o.jsonFile, "json", "", "`FILE` for the comparison, as JSON")
	f.StringVar(&o.csvFile, "csv", "", "`FILE` for the tests, as CSV")
	return cmd
}

func (a *app) benchCompare(names []string, o compareFlags) error {
	limits := campaign.Limits{Prompt: o.prompt / 100, Generation: o.generation / 100}
	if limits.Prompt <= 0 || limits.Prompt >= 1 || limits.Generation <= 0 || limits.Generation >= 1 {
		return usage("--prompt-limit and --generation-limit want more than 0 and less than 100")
	}
	var bases []*campaign.Base
	for _, name := range names {
		b, err := campaign.Load(name)
		if err != nil {
			return usage("%v", err)
		}
		bases = append(bases, b)
	}
	all := []*campaign.Comparison{}
	for _, b := range bases[1:] {
		c, err := campaign.Compare(bases[0], b, limits)
		if err != nil {
			return usage("%v", err)
		}
		all = append(all, c)
	}
	if err := writeComparisons(all, o); err != nil {
		return err
	}
	for i, c := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := c.Text(a.out); err != nil {
			return err
		}
	}
	return nil
}

func writeComparisons(all []*campaign.Comparison, o compareFlags) error {
	if o.jsonFile != "" {
		data, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			return err
		}
		if err := store.WriteFile(o.jsonFile, append(data, '\n')); err != nil {
			return err
		}
	}
	if o.csvFile == "" {
		return nil
	}
	var out bytes.Buffer
	if err := campaign.CSV(&out, all); err != nil {
		return err
	}
	return store.WriteFile(o.csvFile, out.Bytes())
}
