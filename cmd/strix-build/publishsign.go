package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/attest"
	"strix-build/internal/keyless"
	"strix-build/internal/publish"
	"strix-build/internal/sign"
	"strix-build/internal/store"
)

// signAll makes what is attached to the images: nothing where nobody signs, because what nobody signed says nothing. It returns whose documents
// count: those of whoever signs, and waivers of others who were named; nil: nobody's.
func (a *app) signAll(ctx context.Context, images *store.Store, all []*publication, o publishFlags) (*sign.Trust, error) {
	o.rootForOthers = o.waivedBy.identities()
	if o.waivedBy.identities() && len(o.waivers) == 0 {
		return nil, usage("--certificate-identity is for --waiver: whose waivers count")
	}
	others, err := o.waivedBy.matches()
	if err != nil {
		return nil, err
	}
	signer, err := a.signer(ctx, o.signerFlags)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		if len(o.waivers) > 0 {
			return nil, usage("--waiver needs --key or --keyless: a waiver that somebody else signed does not count")
		}
		a.printf("nothing is attached: documents about an image are signed (--key, --keyless)\n")
		return nil, nil //nolint:nilnil // see above
	}
	by, err := a.signEach(ctx, images, all, signer)
	if err != nil {
		return nil, err
	}
	who, err := a.counting(ctx, by, others, o.root)
	if err != nil {
		return nil, err
	}
	return &who, waiveAll(all, o.waivers, who)
}

// signEach signs all that is to be said of the images.
func (a *app) signEach(ctx context.Context, images *store.Store, all []*publication, signer sign.Signer) (by sign.Party, err error) {
	for _, p := range all {
		statements, err := a.statements(ctx, images, p.record, p.judged.evidence)
		if err != nil {
			return by, err
		}
		for _, s := range statements {
			var artifact publish.Artifact
			if artifact, by, err = signed(ctx, signer, s.data); err != nil {
				return by, fmt.Errorf("%s of %s: %w", s.name, p.record.Ref, err)
			}
			p.release.Attached = append(p.release.Attached, artifact)
		}
	}
	return by, nil
}

// counting is whose documents count: of whoever signed, and of others who were named.
func (a *app) counting(ctx context.Context, by sign.Party, others []keyless.Match, root string) (who sign.Trust, err error) {
	if by.Key != nil {
		who.Keys = []*sign.PublicKey{by.Key}
	} else {
		others = append(others, keyless.Match{Subject: by.Identity.Subject, Issuer: by.Identity.Issuer})
	}
	err = a.trustMatches(ctx, &who, others, root)
	return who, err
}

// waiveAll attaches waivers to the images they are about. An image that one stands for may move its channel.
func waiveAll(all []*publication, files []string, who sign.Trust) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return usage("--waiver: %v", err)
		}
		said, err := who.Verify(data)
		if err != nil {
			return usage("--waiver %s: %v", file, err)
		}
		statement, err := attest.ReadStatement(said.Statement)
		if err != nil {
			return usage("--waiver %s: %v", file, err)
		}
		i := slices.IndexFunc(all, func(p *publication) bool { return p.record.Digest == statement.Digest })
		if i < 0 || statement.Type != attest.TypeWaiver {
			return usage("--waiver %s: it is no waiver for an image that is published: %s", file, statement.Digest)
		}
		all[i].release.Attached = append(all[i].release.Attached, publish.Artifact{Type: sign.MediaType, Data: data, Annotations: annotated(said.By, statement.Type, said.Statement)})
		if why := all[i].waived(who); why != "" {
			return usage("--waiver %s: %s", file, why)
		}
		all[i].judged.moves = movesChannel
	}
	return nil
}

// waived says why what is attached does not waive the gate's verdict; "": it does.
func (p *publication) waived(who sign.Trust) string {
	var bundles []attest.Bundle
	for _, a := range p.release.Attached {
		bundles = append(bundles, attest.Bundle{Name: a.Annotations[publish.AnnotationStatement], Data: a.Data})
	}
	report := attest.Check(p.record.Digest, bundles, who, time.Now())
	if report.Waived && report.OK() {
		return ""
	}
	for _, row := range report.Rows {
		if !row.OK {
			return row.Name + ": " + row.Why
		}
	}
	return "it waives nothing of what the gate said"
}

// signed is a statement as it is attached. A signature is another one each time, so what is attached already is known by what it states, and by whom.
func signed(ctx context.Context, signer sign.Signer, data []byte) (publish.Artifact, sign.Party, error) {
	said, err := attest.ReadStatement(data)
	if err != nil {
		return publish.Artifact{}, sign.Party{}, err
	}
	made, err := signer.Sign(ctx, data)
	if err != nil {
		return publish.Artifact{}, sign.Party{}, err
	}
	return publish.Artifact{Type: sign.MediaType, Data: made.Bundle, Annotations: annotated(made.By, said.Type, data)}, made.By, nil
}

func annotated(by sign.Party, kind string, statement []byte) map[string]string {
	out := attest.Annotations(kind)
	out[publish.AnnotationStatement] = digest.FromBytes(append([]byte(by.ID()+"\n"), statement...)).String()
	return out
}
