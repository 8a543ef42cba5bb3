package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/printable"
	"strix-build/internal/publish"
	"strix-build/internal/tag"
)

// repository opens a repository that a command names.
func repository(name string) (*publish.Repository, error) {
	if dir, ok := strings.CutPrefix(name, publish.LayoutPrefix); ok {
		r, err := publish.OpenLayout(dir)
		if err != nil {
			return nil, usage("%v", err)
		}
		return r, nil
	}
	r, err := publish.Open(name, publish.Options{Warn: func(text string) { fmt.Fprintf(os.Stderr, "warning: %s\n", printable.Line(text)) }})
	if err != nil {
		return nil, usage("%v", err)
	}
	return r, nil
}

// withHint gives errors of registries the next step that they know.
func withHint(err error) error {
	if many := joined(err); many != nil {
		out := make([]error, len(many))
		for i, one := range many {
			out[i] = withHint(one)
		}
		return errors.Join(out...)
	}
	var access *publish.AccessError
	if errors.As(err, &access) {
		return &build.HintError{Err: err, Hint: access.Hint}
	}
	var clock *publish.ClockError
	if errors.As(err, &clock) {
		return &build.HintError{Err: err, Hint: "nothing was moved; set the one that is wrong: tags and documents have days"}
	}
	var retired *publish.RetiredError
	if errors.As(err, &retired) {
		return retiredHint(retired)
	}
	return err
}

// listedTag is a tag for people and programs.
type listedTag struct {
	Tag    string   `json:"tag"`
	Kind   tag.Kind `json:"kind"`
	Recipe string   `json:"recipe"`
	Digest string   `json:"digest"`

	Retired *publish.Retired `json:"retired,omitempty"`
}

func (a *app) tagsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tags REPOSITORY",
		Short: "list the tags of a repository: channels, candidates, what a rollback goes back to, and those that never move",
		Long: `Lists the tags of a repository and what they name.

  RECIPE                              the channel: what users pull; retired, a tombstone, or an alias of another channel
  RECIPE-candidate                    the newest that was published
  RECIPE-lkg                          the channel before this one, for rollback
  RECIPE-rejected                     what a rollback took the channel away from
  RECIPE-bBUILD-COMMIT-KEY-DATE       one image, for ever
  sha256-DIGEST                       what is attached to an image, on registries without a list of that

Any other is named too, and is nobody's recipe's: kind other. prune leaves it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := repository(args[0])
			if err != nil {
				return err
			}
			tags, err := r.Tags(cmd.Context())
			if err != nil {
				return withHint(err)
			}
			return a.printTags(tags, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printTags(tags []publish.Tagged, asJSON bool) error {
	ours := publish.Recipes(tags)
	list := []listedTag{}
	for _, t := range tags {
		kind := t.Tag.Kind
		if kind == tag.Channel && !slices.Contains(ours, t.Tag.Recipe) {
			kind = tag.Other
		}
		recipe := t.Tag.Recipe
		if kind == tag.Referrers || kind == tag.Other {
			recipe = ""
		}
		if t.Retired != nil {
			kind, recipe = kindOfRetired(t.Retired), t.Tag.Recipe
		}
		list = append(list, listedTag{t.Tag.String(), kind, recipe, t.Digest, t.Retired})
	}
	slices.SortStableFunc(list, func(x, y listedTag) int { return slices.Compare([]string{x.Recipe}, []string{y.Recipe}) })
	if asJSON {
		return json.NewEncoder(a.out).Encode(list)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECIPE\tKIND\tTAG\tDIGEST")
	for _, t := range list {
		said := ""
		if t.Retired != nil {
			said = fmt.Sprintf("\tuse %s: %s", t.Retired.Successor, t.Retired.Reason)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.19s%s\n", orDash(t.Recipe), t.Kind, t.Tag, t.Digest, said)
	}
	return w.Flush()
}

func kindOfRetired(gone *publish.Retired) tag.Kind {
	if gone.Follows {
		return "alias"
	}
	return "tombstone"
}
