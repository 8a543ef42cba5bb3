package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/printable"
	"strix-build/internal/toolbox"
)

// listedBox is a toolbox for people and programs.
type listedBox struct {
	Name     string `json:"name"`
	Manager  string `json:"manager"`
	Recipe   string `json:"recipe"`
	From     string `json:"from"` // a repository; empty: the local store
	Build    string `json:"build"`
	Digest   string `json:"digest"`
	Running  bool   `json:"running"`
	Signed   bool   `json:"signed"`             // a key is asked for
	Previous string `json:"previous,omitempty"` // build of the one before
	Half     bool   `json:"interrupted,omitempty"`
	Channel  string `json:"channel,omitempty"` // digest of what it follows, if that was asked
	Why      string `json:"error,omitempty"`   // why that is not known
}

func (a *app) toolboxListCmd() *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the toolboxes",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listToolboxes(cmd.Context(), check, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&check, "check", false, "ask what they follow whether it moved")
	return cmd
}

func (a *app) listToolboxes(ctx context.Context, check, asJSON bool) error {
	p, err := a.podman()
	if err != nil {
		return err
	}
	sets, err := p.Toolboxes(ctx)
	if err != nil {
		return err
	}
	list := []listedBox{}
	for _, s := range sets {
		b := listedOf(s)
		if check {
			i, err := a.follow(ctx, b.Recipe, b.From)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				b.Why = err.Error()
			} else {
				b.Channel = i.digest
			}
		}
		list = append(list, b)
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(list)
	}
	return a.printToolboxes(list, check)
}

func listedOf(s *toolbox.Set) listedBox {
	b := s.Any()
	out := listedBox{Name: s.Name, Manager: b.Manager, Recipe: b.Recipe, From: b.From, Build: b.Build, Digest: b.Digest, Running: b.Running,
		Signed: b.Keys != "", Half: s.Half()}
	if s.Previous != nil {
		out.Previous = s.Previous.Build
	}
	return out
}

func (a *app) printToolboxes(list []listedBox, check bool) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	head := "NAME\tWITH\tRECIPE\tLLAMA.CPP\tIMAGE\tSTATE\tPREVIOUS\tFROM"
	if check {
		head += "\tCHANNEL"
	}
	fmt.Fprintln(w, head)
	for _, b := range list {
		from := b.From
		if from == "" {
			from = "local store"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", b.Name, b.Manager, printable.Line(b.Recipe), orDash(printable.Line(b.Build)), shortly(b.Digest), b.state(), orDash(printable.Line(b.Previous)), printable.Line(from))
		if check {
			fmt.Fprintf(w, "\t%s", printable.Line(b.channel()))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func (b listedBox) state() string {
	switch {
	case b.Half:
		return "interrupted: refresh it"
	case b.Running:
		return "running"
	}
	return "stopped"
}

func (b listedBox) channel() string {
	switch {
	case b.Why != "":
		return "unknown: " + b.Why
	case b.Channel == b.Digest:
		return "the same"
	}
	return "another: " + shortly(b.Channel)
}

func (a *app) toolboxRmCmd() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "rm TOOLBOX...",
		Short:   "remove toolboxes, their previous ones, and their images where nothing else needs them",
		Example: "  strix-build toolbox rm rocm-mmq",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.removeToolboxes(cmd.Context(), args, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "stop what runs")
	return cmd
}

func (a *app) removeToolboxes(ctx context.Context, names []string, force bool) error {
	p, done, err := a.changing()
	if err != nil {
		return err
	}
	defer done()
	all, err := p.Toolboxes(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names { // by name alone: a recipe's name would remove several
		found := false
		for _, s := range all {
			if s.Name == name {
				found = true
				errs = append(errs, stopHint(p.Remove(ctx, s, force)))
			}
		}
		if !found {
			errs = append(errs, &build.HintError{Err: usage("there is no toolbox %q", name), Hint: `"strix-build toolbox list" lists them`})
		}
	}
	return errors.Join(errs...)
}
