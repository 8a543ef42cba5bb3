package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/build"
	"strix-build/internal/printable"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// copyFlags are what copy is asked.
type copyFlags struct {
	who  trustFlags
	move bool
}

func (a *app) copyCmd() *cobra.Command {
	var o copyFlags
	cmd := &cobra.Command{
		Use:   "copy REPOSITORY {TAG | DIGEST} REPOSITORY",
		Short: "bring an image with all that is attached to it to another repository",
		Long: `Brings an image and everything that is attached to it from the first repository to the second, byte by byte, then its tags that never move, then
the tag that was named. What is there already is not sent again.

A channel that is another image there stays, unless --move is given; then it moves as promote moves it: what it was becomes its last good image. A retired one
stays in any case. A candidate moves freely.

With --key or --certificate-identity what arrived is checked as verify does it, before a tag is written, and for each tag: a digest and a candidate too. A
fixed tag that says another day or key than what is attached is named and left out.

Exit code 3: the tag that was named stays, and the rest is there; or what is attached to the image does not hold, and no tag was written.`,
		Example: `  strix-build copy localhost:5000/me/llama rocm-mmq ghcr.io/me/llama --key strix-build.pub
  strix-build copy localhost:5000/me/llama rocm-mmq ghcr.io/me/llama --key strix-build.pub --move`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.copy(cmd.Context(), args[0], args[1], args[2], o)
		},
	}
	o.who.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.move, "move", false, "move a channel that is another image there")
	return cmd
}

func (a *app) copy(ctx context.Context, source, what, target string, o copyFlags) error {
	who, err := a.trustIfAsked(ctx, "copy", o.who)
	if err != nil {
		return err
	}
	from, err := repository(source)
	if err != nil {
		return err
	}
	to, err := repository(target)
	if err != nil {
		return err
	}
	how := publish.Copying{Move: o.move}
	if !who.Nobody() {
		how.Holds = a.arrived(ctx, to, who)
	}
	done, err := to.Copy(ctx, from, what, how)
	if done != nil {
		for _, t := range done.Tags {
			fmt.Fprintf(a.out, "%s:%s %s\n", to, t, done.Digest)
		}
		a.printf("%s@%s: with %d attached\n", to, done.Digest, done.Attached)
	}
	var retired *publish.RetiredError
	switch {
	case errors.As(err, &retired):
		return &build.HintError{Err: &refusedError{retired.Error()}, Hint: fmt.Sprintf("copy its digest, and strix-build promote %s %s --image DIGEST --revive", to, retired.Recipe)}
	case err == nil && done.Stays != "":
		return &build.HintError{Err: &refusedError{fmt.Sprintf("%s:%s stays: it is %s there", to, what, done.Stays)}, Hint: "--move moves it; what it was becomes the last good image"}
	}
	return withHint(err)
}

// arrived checks what a copy brought: once, and then for each tag.
func (a *app) arrived(ctx context.Context, to *publish.Repository, who sign.Trust) func(image string, t tag.Tag) error {
	var report *attest.Report
	var gone *publish.Retired
	return func(image string, t tag.Tag) error {
		if t == (tag.Tag{}) {
			var err error
			if report, gone, err = checkNamed(ctx, to, image, who); err != nil {
				return err
			}
			if err := to.Clock(); err != nil {
				a.printf("warning: %v: whether a waiver has ended may be wrong\n", err)
			}
			if report.OK() {
				return nil
			}
			return errors.Join(report.Text(a.err), &refusedError{fmt.Sprintf("what is attached to %s@%s does not hold; no tag was written", to, image)})
		}
		return fits(to, report, gone, t)
	}
}

// fits says why what arrived, and holds, is not what a tag says.
func fits(to *publish.Repository, report *attest.Report, gone *publish.Retired, t tag.Tag) error {
	if t.Kind == tag.Referrers {
		return nil
	}
	if gone != nil {
		if t.Kind != tag.Fixed && gone.Recipe == t.Recipe {
			return nil
		}
		return &refusedError{fmt.Sprintf("%s:%s stays: %s is the notice of %s", to, t, report.Digest, gone.Recipe)}
	}
	under := *report
	under.Rows = slices.Clone(report.Rows)
	under.Under(t)
	for _, row := range under.Rows {
		if !row.OK {
			return &refusedError{fmt.Sprintf("%s:%s stays: %s", to, t, printable.Line(row.Why))}
		}
	}
	return nil
}
