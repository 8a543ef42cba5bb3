package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/store"
)

func (a *app) imagesCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "images",
		Short: "list the images in the local store",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			recs, err := s.Records()
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(a.out).Encode(append([]*store.Record{}, recs...))
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "IMAGE\tLLAMA.CPP\tDIGEST\tKEY\tSIZE\tBUILT\tGATE")
			for _, r := range recs {
				fmt.Fprintf(w, "%s\t%s\t%.19s\t%.12s\t%.1f MB\t%s\t%s\n", r.Ref, r.Inputs["llama.cpp build"], r.Digest, r.Key,
					float64(r.Size)/1e6, r.Built.Format("2006-01-02 15:04"), gateWord(r, recs))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			a.printf("OCI layout: %s\n", s.Dir())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// gateWord is what a gate said of an image, in a word.
func gateWord(r *store.Record, all []*store.Record) string {
	if r.Tests != "" {
		return companionWord(r, all)
	}
	if r.Gate == nil {
		return store.Ungated
	}
	return r.Gate.Verdict
}

// companionWord says which image a companion tests. One whose image was built anew tests none that is there.
func companionWord(r *store.Record, all []*store.Record) string {
	name := ""
	for _, of := range all {
		if of.Digest == r.Tests && (name == "" || !strings.HasSuffix(of.Name, store.LastGood)) {
			name = of.Ref
		}
	}
	if name == "" {
		return fmt.Sprintf("tests %.19s, which is gone", r.Tests)
	}
	return "tests " + name
}
