package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/toolbox"
)

// toolboxFlags are what toolbox create is asked.
type toolboxFlags struct {
	from, with, name string
	keys             []string
}

func (a *app) toolboxCreateCmd() *cobra.Command {
	var o toolboxFlags
	cmd := &cobra.Command{
		Use:   "create RECIPE [flags]",
		Short: "make a toolbox of a recipe's image: the newest of the local store, or the channel of a repository",
		Long: `Makes a container to work in of the newest image of a recipe in the local store, or with --from of what is the recipe's channel there, fetched by digest. With
--key what is attached to it is checked first, as verify does, and the toolbox takes no image that the same key did not sign, then or later.

Devices, groups and security options are those that the image asks for. What this machine does not have is left out and named. The container is entered once, so that
the first use finds everything done.

Exit code 3: what is attached to the image does not hold.`,
		Example: `  strix-build toolbox create rocm-mmq --from ghcr.io/me/llama --key strix-build.pub
  strix-build toolbox create vulkan --with podman --name llama`,
		ValidArgsFunction: a.completeRecipes,
		Args:              cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.createToolbox(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "`REPOSITORY` whose channel it follows (default: the local store)")
	f.StringSliceVar(&o.keys, "key", nil, "public key `FILE`s, one of which signed; kept on the toolbox for refresh")
	f.StringVar(&o.with, "with", "", "what makes it: toolbox, distrobox or podman (default: the first that is here and keeps the groups that the devices need)")
	f.StringVar(&o.name, "name", "", "`NAME` of the toolbox (default: the recipe's)")
	return cmd
}

func (a *app) createToolbox(ctx context.Context, recipe string, o toolboxFlags) error {
	s := toolbox.Spec{Name: o.name, Recipe: recipe, From: o.from}
	if s.Name == "" {
		s.Name = recipe
	}
	if len(o.keys) > 0 && o.from == "" {
		return usage("toolbox create: --key is for images of a repository (--from): those of the local store are your own")
	}
	var err error
	if err = toolbox.CheckName(s.Name); err != nil {
		return usage("%v", err)
	}
	if s.Keys, err = readKeys(o.keys); err != nil {
		return err
	}
	if err := toolbox.CheckManager(o.with); err != nil {
		return usage("--with %v", err)
	}
	p, done, err := a.changing()
	if err != nil {
		return err
	}
	defer done()
	if err := notTaken(ctx, p, s.Name); err != nil {
		return err
	}
	return a.makeToolbox(ctx, p, s, o.with)
}

// notTaken refuses a name that a container has.
func notTaken(ctx context.Context, p *toolbox.Podman, name string) error {
	all, err := p.Toolboxes(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Name == name {
			return &build.HintError{Err: usage("there is a toolbox %q already", name), Hint: "strix-build toolbox refresh " + name + ", or --name NAME for another one"}
		}
	}
	if p.Taken(ctx, name) {
		return &build.HintError{Err: usage("there is a container %q already, and it is none of ours", name), Hint: "--name NAME gives the toolbox another name"}
	}
	return nil
}

func (a *app) makeToolbox(ctx context.Context, p *toolbox.Podman, s toolbox.Spec, with string) error {
	i, err := a.follow(ctx, s.Recipe, s.From)
	if err != nil {
		return err
	}
	if i.repository != nil {
		s.From = i.repository.String()
	}
	s.Digest = i.digest
	if err := a.checkSigned(ctx, i, s.Keys); err != nil {
		return err
	}
	image, err := a.bring(ctx, p, i, &s)
	if err != nil {
		return err
	}
	options := fitting(p, image)
	var why string
	if s.Manager, why = toolbox.Choose(with, options); why != "" {
		p.Say("note: %s; made with %s (docs/toolbox.md)", why, s.Manager)
	}
	if err := a.work(p, fmt.Sprintf("make toolbox %s with %s", s.Name, s.Manager), func() error { return p.Make(ctx, s, options) }); err != nil {
		return err
	}
	p.Say("%s: %s; enter it: %s", s.Name, s.Build, toolbox.Enter(s.Manager, s.Name))
	_, err = fmt.Fprintf(a.out, "%s %s\n", s.Name, s.Brought())
	return err
}
