package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"strix-build/internal/gate"
	"strix-build/internal/page"
	"strix-build/internal/report"
	"strix-build/internal/store"
)

func (r *reporter) imageNamed(ctx context.Context, name string) (report.Subject, error) {
	if err := r.open(); err != nil {
		return report.Subject{}, err
	}
	rec, err := r.recordOf(r.images, name)
	if err != nil {
		return report.Subject{}, errors.Join(usage("%v", errNoReport(name)), err)
	}
	return r.image(ctx, rec)
}

// image is the subject of an image: what its gate saw, its drift, and what differs from the image before it.
func (r *reporter) image(ctx context.Context, rec *store.Record) (report.Subject, error) {
	s, err := r.judged(rec)
	if err != nil {
		return s, err
	}
	s.Name, s.Kind = rec.Ref, "image"
	s.Facts = append(imageFacts(rec), s.Facts...)
	drift, err := r.drift(rec)
	if err != nil {
		return s, err
	}
	changed, err := r.changed(ctx, rec)
	if err != nil {
		return s, err
	}
	// what changed before the long list of processes, which is a gate's last section
	at := len(s.Sections)
	if at > 0 {
		if _, last := s.Sections[at-1].(report.Runs); last {
			at--
		}
	}
	s.Sections = slices.Insert(s.Sections, at, append(drift, changed...)...)
	return s, nil
}

func imageFacts(rec *store.Record) []report.Fact {
	out := []report.Fact{{Name: "llama.cpp", Value: strings.TrimSpace(rec.Inputs["llama.cpp build"] + " " + shortCommit(rec.Inputs["llama.cpp commit"]))},
		{Name: "Digest", Value: rec.Digest}, {Name: "Built", Value: rec.Built.UTC().Format("2006-01-02 15:04 UTC")}, {Name: "Size, compressed", Value: fmt.Sprintf("%.1f MB", float64(rec.Size)/1e6)}}
	if rec.Made != nil {
		out = append(out, report.Fact{Name: "Track", Value: rec.Made.Track}, report.Fact{Name: "Changes of the recipe", Value: strings.Join(rec.Made.Set, " ")})
	}
	return out
}

func shortCommit(id string) string { return id[:min(len(id), 9)] }

// judged is what the gate said of an image, from its evidence.
func (r *reporter) judged(rec *store.Record) (report.Subject, error) {
	ungated := report.Subject{Verdict: &report.Verdict{Word: store.Ungated, Tone: report.Warn, Reasons: []string{"no gate has seen this image"}}}
	if rec.Gate == nil {
		return ungated, nil
	}
	word := &report.Verdict{Word: rec.Gate.Verdict, Tone: page.Tone(rec.Gate.Verdict)}
	if rec.Gate.Why != "" {
		word.Reasons = []string{rec.Gate.Why}
	}
	data, file, err := r.evidence(rec)
	if err != nil || rec.Gate.Evidence == "" {
		return report.Subject{Verdict: word}, err
	}
	if data == nil {
		word.Reasons = append(word.Reasons, "its evidence is no longer in "+file)
		return report.Subject{Verdict: word}, nil
	}
	if got := digest.FromBytes(data).String(); got != rec.Gate.Evidence {
		return report.Subject{}, fmt.Errorf("image %q: the evidence in %s was changed since: it is %s, and was %s", rec.Ref, file, got, rec.Gate.Evidence)
	}
	s, err := page.Read(data)
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// evidence reads what the gate wrote of an image; one that the store keeps under several names was gated under one of them.
func (r *reporter) evidence(rec *store.Record) (data []byte, file string, err error) {
	for _, other := range append([]*store.Record{rec}, r.records...) {
		if other.Digest != rec.Digest {
			continue
		}
		if file, err = r.evidenceOf(other); err != nil {
			return nil, file, err
		}
		data, err = os.ReadFile(file)
		if !errors.Is(err, os.ErrNotExist) {
			return data, file, err
		}
	}
	return nil, file, nil
}

// ledger are the lines of the drift ledger; none where there is no ledger yet.
func (r *reporter) ledger() ([]gate.Entry, error) {
	file, err := r.ledgerFile("")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	ledger, err := gate.ReadLedger(data)
	if err != nil {
		return nil, usage("%s: %v", file, err)
	}
	return ledger, nil
}

// drift are the lines of the ledger up to the image's own.
func (r *reporter) drift(rec *store.Record) ([]report.Section, error) {
	ledger, err := r.ledger()
	if err != nil {
		return nil, err
	}
	last := -1
	for i, e := range ledger {
		if e.Candidate.Digest == rec.Digest {
			last = i
		}
	}
	if last < 0 {
		return nil, nil
	}
	return []report.Section{page.Drift(gate.Series(ledger[:last+1]))}, nil
}
