package main

import (
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
	var keys []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check {IMAGE | DIGEST} FILE...",
		Short: "check signed documents about an image, offline",
		Long: `Checks sigstore bundles, which are files or all of a folder that end in .sigstore.json: who signed each, is it about this image, is
there one of each kind, is the gate's verdict what its evidence shows, and does a waiver stand where the gate refused. IMAGE is one
of the local store; the digest is that of the image's manifest.

Exit code 3: something is wrong.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.attestCheck(args[0], args[1:], keys, asJSON) },
	}
	cmd.Flags().StringSliceVar(&keys, "key", nil, "public key `FILE`s, one of which signed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) attestCheck(image string, files, keyFiles []string, asJSON bool) error {
	if len(keyFiles) == 0 {
		return usage("attest check needs --key: a signature by nobody in particular says nothing")
	}
	if digest.Digest(image).Validate() != nil {
		_, r, err := a.record(image)
		if err != nil {
			return err
		}
		image = r.Digest
	}
	keys, err := publicKeys(keyFiles)
	if err != nil {
		return err
	}
	bundles, err := readBundles(files)
	if err != nil {
		return err
	}
	report := attest.Check(image, bundles, keys, time.Now())
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
