package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/publish"
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
stays in any case. With --key or --certificate-identity what arrived is checked as verify does it before it becomes a channel. A candidate moves freely.

Exit code 3: the tag that was named stays, or what is attached does not hold; the rest is there.`,
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
	done, err := to.Copy(ctx, from, what, publish.Copying{Move: o.move, Holds: func(image string) error {
		t, err := tag.Parse(what)
		if err != nil {
			return err
		}
		return a.holds(ctx, to, image, t, who)
	}})
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
