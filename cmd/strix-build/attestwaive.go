package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/attest"
)

func (a *app) attestWaiveCmd() *cobra.Command {
	var o attestFlags
	var w attest.Waiver
	cmd := &cobra.Command{
		Use:   "waive {RECIPE | IMAGE}",
		Short: "sign that an image may be published although its gate refused it",
		Long: `Writes a signed waiver: for one image, against one evidence, with a reason and a last day. What it waives is a verdict (REGRESSED,
MIXED, INCONCLUSIVE, SMOKE) or the cells that are slower, all of them. FAILED and INVALID cannot be waived: the image is wrong, or
nothing is known of it.`,
		Example: `  strix-build attest waive llama:rocm-mmq --waives moe/pp512 --reason "traded for decode, see issue 12" --who "Ada Lovelace" \
      --until 2026-12-31 --key strix-build.key --out rocm-mmq`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.waive(cmd.Context(), args[0], w, o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&w.Waives, "waives", nil, "`VERDICT` or cells")
	f.StringVar(&w.Reason, "reason", "", "`TEXT`: why")
	f.StringVar(&w.Who, "who", "", "`NAME` of who waives")
	f.StringVar(&w.Until, "until", "", "last `DAY` it holds (UTC): 2026-12-31")
	o.add(f, "private key `FILE` to sign with")
	f.StringVar(&o.out, "out", ".", "`DIR` for waiver.sigstore.json")
	f.StringVar(&o.evidence, "evidence", "", "`FILE` that the gate wrote (default: that of the gate after the build)")
	return cmd
}

func (a *app) waive(ctx context.Context, name string, w attest.Waiver, o attestFlags) error {
	if o.nobody() {
		return usage("attest waive needs --key or --keyless: a waiver that nobody signed waives nothing")
	}
	_, r, err := a.record(name)
	if err != nil {
		return err
	}
	document, err := a.evidenceFor(r, o.evidence)
	if err != nil {
		return err
	}
	if document == nil {
		return errors.New(r.Ref + ": no gate has seen it: there is nothing to waive")
	}
	statement, err := attest.Waive(&attest.Image{Name: r.Ref, Digest: r.Digest}, w, document)
	if err != nil {
		return usage("waiver of %s: %v", r.Ref, err)
	}
	if err := w.Holds(time.Now()); err != nil {
		return usage("--until %s: the waiver would not hold: %v", w.Until, err)
	}
	signer, err := a.signer(ctx, o.signerFlags)
	if err != nil {
		return err
	}
	return a.writeStatement(ctx, o.out, "waiver", statement, signer)
}
