package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/printable"
	"strix-build/internal/toolbox"
)

func (a *app) toolboxRefreshCmd() *cobra.Command {
	var keys []string
	var force bool
	cmd := &cobra.Command{
		Use:   "refresh [TOOLBOX...]",
		Short: "replace toolboxes whose channel moved, and keep the ones before",
		Long: `Looks what the toolboxes follow, all or those named, and replaces those whose channel is another image by now. The one before is kept as NAME-previous, with all
that was done in it; the one before that is removed. A toolbox that was rolled back from what the channel is stays.

Until the new one was made and entered once, nothing that was there is touched; interrupted at any point, the same command goes on. What runs in a toolbox goes on
under its new name. A previous one that runs is not removed without --force.

Exit code 3: what is attached to a new image does not hold; then that toolbox stays as it is.`,
		Example: `  strix-build toolbox refresh
  strix-build toolbox refresh rocm-mmq --force`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.refreshToolboxes(cmd.Context(), args, keys, force)
		},
	}
	cmd.Flags().StringSliceVar(&keys, "key", nil, "public key `FILE`s, one of which signed (default: those that the toolbox was created with)")
	cmd.Flags().BoolVar(&force, "force", false, "stop what runs")
	return cmd
}

func (a *app) refreshToolboxes(ctx context.Context, names, keyFiles []string, force bool) error {
	keys, err := readKeys(keyFiles)
	if err != nil {
		return err
	}
	p, done, err := a.changing()
	if err != nil {
		return err
	}
	defer done()
	sets, err := toolboxes(ctx, p, names)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		p.Say("there are no toolboxes")
	}
	var errs []error
	for _, s := range sets {
		if err := a.refreshToolbox(ctx, p, s, keys, force); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (a *app) refreshToolbox(ctx context.Context, p *toolbox.Podman, s *toolbox.Set, keys string, force bool) error {
	if err := mend(ctx, p, s); err != nil {
		return err
	}
	i, err := a.follow(ctx, s.Current.Recipe, s.Current.From)
	if err != nil {
		return fmt.Errorf("toolbox %q: %w", s.Name, err)
	}
	switch {
	case i.digest == s.Current.Digest:
		p.Say("%s: nothing new: %s %s", s.Name, s.Current.Build, shortly(i.digest))
		return p.Tidy(ctx, s)
	case s.RolledBack() && s.Previous.Digest == i.digest:
		p.Say("%s: stays: it was rolled back from what it follows; strix-build toolbox rollback %s goes there again", s.Name, s.Name)
		return p.Tidy(ctx, s)
	}
	spec := s.Current.Spec
	spec.Digest = i.digest
	if keys != "" {
		spec.Keys = keys
	}
	return a.replaceToolbox(ctx, p, s, i, spec, force)
}

// mend makes right what was interrupted, and refuses a toolbox of which only the previous one is left.
func mend(ctx context.Context, p *toolbox.Podman, s *toolbox.Set) error {
	if _, err := p.Mend(ctx, s); err != nil {
		return err
	}
	if s.Current == nil {
		return &build.HintError{Err: fmt.Errorf("toolbox %q is gone, and its previous one is there", s.Name), Hint: "strix-build toolbox rollback " + s.Name}
	}
	return nil
}

func (a *app) replaceToolbox(ctx context.Context, p *toolbox.Podman, s *toolbox.Set, i *boxImage, spec toolbox.Spec, force bool) error {
	if err := p.MayReplace(s, force); err != nil {
		return stopHint(err)
	}
	if err := toolbox.CheckManager(spec.Manager); err != nil {
		return fmt.Errorf("toolbox %q was made with %w", s.Name, err)
	}
	if err := a.checkSigned(ctx, i, spec.Keys); err != nil {
		return fmt.Errorf("toolbox %q stays as it is: %w", s.Name, err)
	}
	image, err := a.bring(ctx, p, i, &spec)
	if err != nil {
		return err
	}
	options := fitting(p, image)
	was := s.Current.Spec
	if err := a.work(p, "refresh toolbox "+s.Name, func() error { return p.Refresh(ctx, s, spec, options, force) }); err != nil {
		return stopHint(err)
	}
	if s.Previous.Running {
		p.Say("%s: what runs in it goes on in %s; podman stop %s ends it", s.Name, s.Previous.Container, s.Previous.Container)
	}
	_, err = fmt.Fprintf(a.out, "%s %s (was %s %s)\n", s.Name, spec.Brought(), printable.Line(was.Build), shortly(was.Digest))
	return err
}

func shortly(digest string) string { return digest[:min(shownDigest, len(digest))] }

func (a *app) toolboxRollbackCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback TOOLBOX...",
		Short: "make a toolbox and its previous one change places",
		Long: `Makes a toolbox and its previous one change places: again, and they are back. Nothing is made or removed, and what runs in them goes on. refresh leaves a toolbox
that was rolled back until the channel moves on.`,
		Example: "  strix-build toolbox rollback rocm-mmq",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, done, err := a.changing()
			if err != nil {
				return err
			}
			defer done()
			sets, err := toolboxes(cmd.Context(), p, args)
			if err != nil {
				return err
			}
			for _, s := range sets {
				if err := a.rollbackToolbox(cmd.Context(), p, s); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) rollbackToolbox(ctx context.Context, p *toolbox.Podman, s *toolbox.Set) error {
	done, err := p.Mend(ctx, s)
	if err == nil && !done {
		err = p.Rollback(ctx, s)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s %s\n", s.Name, s.Current.Brought())
	return err
}
