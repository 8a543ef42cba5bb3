package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
	"strix-build/internal/sign"
	"strix-build/internal/store"
)

// attestFlags are what attest is asked.
type attestFlags struct {
	signerFlags
	out, evidence string
}

// Ends of the files that attest writes.
const (
	bundleSuffix    = ".sigstore.json" // signed
	statementSuffix = ".intoto.json"   // not signed
)

func (a *app) attestCmd() *cobra.Command {
	var o attestFlags
	cmd := &cobra.Command{
		Use:   "attest {RECIPE | IMAGE}",
		Short: "write the documents about an image: signature, evidence, provenance, SBOM",
		Long: `Writes what others need to trust an image of the local store, a file each: that it is meant (signature), what the gate saw of it
(evidence), what it was made from (provenance, SLSA v1) and what is in it (SBOM, SPDX 2.3). Each is an in-toto statement about the
digest of the image. With --key or --keyless each is signed, as a sigstore bundle that cosign reads too.`,
		Example: `  strix-build attest llama:rocm-mmq --key strix-build.key --out rocm-mmq
  strix-build attest check llama:rocm-mmq --key strix-build.pub rocm-mmq
  cosign verify-blob-attestation --key strix-build.pub --insecure-ignore-tlog --type https://spdx.dev/Document \
      --bundle rocm-mmq/sbom.sigstore.json --digest HEX --digestAlg sha256`,
		ValidArgsFunction: a.completeRecipes,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.attest(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	o.add(f, "private key `FILE` to sign with (default: the statements are written unsigned)")
	f.StringVar(&o.out, "out", ".", "`DIR` for the files")
	f.StringVar(&o.evidence, "evidence", "", "`FILE` that the gate wrote (default: that of the gate after the build)")
	cmd.AddCommand(a.attestCheckCmd(), a.attestWaiveCmd())
	return cmd
}

func (a *app) attest(ctx context.Context, name string, o attestFlags) error {
	images, r, err := a.record(name)
	if err != nil {
		return err
	}
	signer, err := a.signer(ctx, o.signerFlags)
	if err != nil {
		return err
	}
	all, err := a.statements(ctx, images, r, o.evidence)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := a.writeStatement(ctx, o.out, one.name, one.data, signer); err != nil {
			return err
		}
	}
	return nil
}

// statement is a document about an image.
type statement struct {
	name string // for people, and of files
	data []byte
}

// statements are all that can be said of an image here, with the evidence in a file, or that of the gate after the build.
func (a *app) statements(ctx context.Context, images *store.Store, r *store.Record, evidence string) ([]statement, error) {
	document, err := a.evidenceFor(r, evidence)
	if err != nil {
		return nil, err
	}
	img, err := a.attested(ctx, images, r)
	if err != nil {
		return nil, err
	}
	writers := []struct {
		name  string
		write func(*attest.Image) ([]byte, error)
	}{
		{"signature", attest.Signature},
		{"provenance", attest.Provenance},
		{"sbom", attest.SBOM},
		{"evidence", func(img *attest.Image) ([]byte, error) { return attest.Evidence(img, document) }},
	}
	if document == nil {
		a.printf("%s: no gate has seen it: there is no evidence to attest\n", r.Ref)
		writers = writers[:len(writers)-1]
	}
	var out []statement
	for _, w := range writers {
		data, err := w.write(img)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", w.name, r.Ref, err)
		}
		out = append(out, statement{w.name, data})
	}
	return out, nil
}

// writeStatement writes a statement to a file of a folder, signed where somebody signs, and prints its name.
func (a *app) writeStatement(ctx context.Context, dir, name string, statement []byte, signer sign.Signer) error {
	file := filepath.Join(dir, name+statementSuffix)
	if signer != nil {
		made, err := signer.Sign(ctx, statement)
		if err != nil {
			return err
		}
		file, statement = filepath.Join(dir, name+bundleSuffix), made.Bundle
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := store.WriteFile(file, append(statement, '\n')); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, file)
	return err
}
