package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"strix-build/internal/attest"
)

func (a *app) attestCheckCmd() *cobra.Command {
	var who trustFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check {IMAGE | DIGEST} FILE...",
		Short: "check signed documents about an image: no registry is asked",
		Long: `Checks sigstore bundles, which are files or all of a folder that end in .sigstore.json: who signed each, is it about this image, is
there one of each kind, is the gate's verdict what its evidence shows, and does a waiver stand where the gate refused. IMAGE is one
of the local store; the digest is that of the image's manifest.

Exit code 3: something is wrong.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.attestCheck(cmd.Context(), args[0], args[1:], who, asJSON)
		},
	}
	who.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) attestCheck(ctx context.Context, image string, files []string, t trustFlags, asJSON bool) error {
	who, err := a.trust(ctx, "attest check", "a signature by nobody in particular says nothing", t)
	if err != nil {
		return err
	}
	if digest.Digest(image).Validate() != nil {
		_, r, err := a.record(image)
		if err != nil {
			return err
		}
		image = r.Digest
	}
	bundles, err := readBundles(files)
	if err != nil {
		return err
	}
	report := attest.Check(image, bundles, who, time.Now())
	if asJSON {
		err = json.NewEncoder(a.out).Encode(report)
	} else {
		err = report.Text(a.out)
	}
	if err == nil && !report.OK() {
		return &refusedError{"the documents about " + image + " do not hold"}
	}
	return err
}

// readBundles reads files, and those of folders that are named as bundles.
func readBundles(names []string) ([]attest.Bundle, error) {
	var out []attest.Bundle
	for _, name := range names {
		files := []string{name}
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			if files, err = bundlesIn(name); err != nil {
				return nil, err
			}
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				return nil, usage("%v", err)
			}
			out = append(out, attest.Bundle{Name: filepath.Base(f), Data: data})
		}
	}
	return out, nil
}

// bundlesIn are a folder's, by name.
func bundlesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), bundleSuffix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	if out == nil {
		return nil, usage("%s has no file that ends in %s", dir, bundleSuffix)
	}
	return out, nil
}
