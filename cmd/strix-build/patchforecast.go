package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/diag"
	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

func (a *app) patchForecastCmd() *cobra.Command {
	var (
		sources      []string
		asJSON, fail bool
	)
	cmd := &cobra.Command{
		Use:   "forecast [SET...]",
		Short: "try patch sets on upstream's newest references, and name the commits that break them",
		Long: `Tries every patch set (or those named) on the newest tagged build and on the tip of upstream's main line. For a set
that does not apply there it says up to which build it does and which commit ended that: what a weekly job should know
before the next release.

The exit code is 0 all the same; with --fail it is 2 where a set conflicts with a reference that its window has.`,
		Example:           `  strix-build patch forecast --source llama.cpp=$HOME/src/llama.cpp --fail`,
		ValidArgsFunction: a.completeSets,
		RunE: func(cmd *cobra.Command, names []string) error {
			refs, out, err := a.forecast(cmd.Context(), sources, names)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(a.out).Encode(viewForecast(refs, out))
			} else {
				err = printForecast(a.out, refs, out)
			}
			if err != nil || !fail {
				return err
			}
			return broken(out)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&sources, "source", nil, "read commits from `llama.cpp=PATH|URL` instead of upstream")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	fl.BoolVar(&fail, "fail", false, "end with exit code 2 where a set breaks")
	return cmd
}

func (a *app) forecast(ctx context.Context, sources, names []string) (refs []upstream.Mark, out []fit.Outlook, err error) {
	var notes []string
	err = a.step("patch forecast", func(io.Writer) error {
		t, err := a.openTrials(ctx, sources, names)
		if err != nil {
			return err
		}
		defer t.close()
		notes = t.history.Notes()
		refs = fit.Newest(t.history)
		out, err = fit.Forecast(ctx, t.history, t.forms, refs)
		return err
	})
	a.notes(notes)
	return refs, out, err
}

func viewForecast(refs []upstream.Mark, out []fit.Outlook) any {
	v := struct {
		References []baseView    `json:"references"`
		Sets       []outlookView `json:"sets"`
	}{[]baseView{}, []outlookView{}}
	for _, m := range refs {
		v.References = append(v.References, viewBase(m))
	}
	for i := range out {
		v.Sets = append(v.Sets, viewOutlook(&out[i]))
	}
	return v
}

// printForecast writes one line a set with a column a reference, then what there is to know of those that stop.
func printForecast(out io.Writer, refs []upstream.Mark, sets []fit.Outlook) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "SET")
	for _, m := range refs {
		fmt.Fprintf(w, "\t%s", m)
	}
	fmt.Fprintln(w)
	for _, o := range sets {
		fmt.Fprint(w, o.Set.Name)
		for _, at := range o.At {
			fmt.Fprintf(w, "\t%s", forecastCell(at))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range sets {
		if sets[i].Last != nil {
			fmt.Fprintf(&b, "\n%s\n", breakText(&sets[i]))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// forecastCell is short: the words of a conflict come below the table.
func forecastCell(at fit.OnBase) string {
	if at.Form == nil {
		return "no window has it"
	}
	if at.State == patch.Conflict {
		return at.Form.Name() + ": does not apply"
	}
	return at.Form.Name() + ": " + stateText(at)
}

// breakText says where the newest form of a set stops, why, and what comes next.
func breakText(o *fit.Outlook) string {
	b := o.Last
	form := b.Form.Name()
	if b.Form.Variant.Pull == nil {
		form = "series " + form
	}
	text := fmt.Sprintf("%s: %s %s", o.Set.Name, form, ending(b))
	if o.Next != nil {
		text += fmt.Sprintf("; %s would apply", o.Next.Name())
	}
	if !b.Known() {
		for _, why := range b.Why {
			text += "\n    " + why
		}
	}
	return text
}

func ending(b *fit.Break) string {
	switch {
	case b.State == patch.Outside:
		return fmt.Sprintf("is not known: none of the builds of its window %s are in the history", b.Form.Variant.Window)
	case b.State == patch.Upstream && b.Cause != nil:
		return fmt.Sprintf("is upstream since %s; its window can end there", b.Cause)
	case b.State == patch.Upstream || b.State == patch.Partly:
		return "is upstream, in whole or in part"
	case b.State != patch.Conflict:
		return "still applies, though its window ends at " + b.Form.Variant.Window.Hi().String()
	case b.Until == nil:
		return "applies to no build of its window that the history has"
	case b.Known():
		return fmt.Sprintf("applies up to %s, where its window ends; then came %s", b.Until.Build, b.Cause)
	}
	return fmt.Sprintf("applies up to %s; broken by %s", b.Until.Build, b.Cause)
}

// broken are the sets that conflict with a reference of their windows, as problems of their files.
func broken(sets []fit.Outlook) error {
	var list diag.List
	for i := range sets {
		o := &sets[i]
		if !o.Broken() {
			continue
		}
		for _, at := range o.At {
			if at.Form != nil && at.State == patch.Conflict {
				list.Add(at.Form.Variant.Pos, "end its window before the commit that breaks it, and make a form for what follows",
					"%s does not apply to %s", at.Form, at.Base)
			}
		}
	}
	return list.Err()
}
