package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"strix-build/internal/attest"
	"strix-build/internal/gate"
	"strix-build/internal/kernels"
	"strix-build/internal/page"
	"strix-build/internal/report"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
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

// before is the image that one is compared with; nil: there is none.
func (r *reporter) before(rec *store.Record) (*store.Record, error) {
	if r.against != "" {
		return r.recordOf(r.images, r.against)
	}
	if rec.Gate == nil || rec.Gate.Against == "" {
		return nil, nil //nolint:nilnil // see above
	}
	i := slices.IndexFunc(r.records, func(other *store.Record) bool { return other.Digest == rec.Gate.Against })
	if i < 0 {
		return nil, nil //nolint:nilnil // see above
	}
	return r.records[i], nil
}

// changed are the sections about what differs from the image before.
func (r *reporter) changed(ctx context.Context, rec *store.Record) ([]report.Section, error) {
	base, err := r.before(rec)
	if err != nil {
		return nil, err
	}
	if base == nil {
		why := "It is compared with no image: none of the store was its gate's baseline. --against IMAGE names one."
		return []report.Section{report.Changes{To: rec.Ref, Notes: []string{why}}}, nil
	}
	changes := page.Changes(base, rec)
	if err := r.commits(ctx, &changes, base, rec); err != nil {
		return nil, err
	}
	if changes.Packages, err = r.packagesChanged(ctx, base, rec); err != nil {
		return nil, err
	}
	if slices.Contains(r.skip, skipPackages) {
		changes.Notes = append(changes.Notes, "Packages were not looked at (--skip packages).")
	}
	out := []report.Section{changes}
	k, err := r.kernels(ctx, base, rec)
	if err != nil {
		return nil, err
	}
	return append(out, k...), nil
}

// commits are upstream's between two images, as far as a source was named that has them.
func (r *reporter) commits(ctx context.Context, c *report.Changes, base, now *store.Record) error {
	from, errFrom := version.ParseBuild(base.Inputs["llama.cpp build"])
	to, errTo := version.ParseBuild(now.Inputs["llama.cpp build"])
	switch {
	case errFrom != nil || errTo != nil:
		c.CommitsWhy = "an image does not say which build it is of."
		return nil
	case from == to:
		return nil
	case r.history == nil:
		c.CommitsWhy = fmt.Sprintf("%s to %s; --source llama.cpp=CLONE lists them.", from, to)
		return nil
	case from > to:
		c.Notes = append(c.Notes, fmt.Sprintf("%s is older than %s: the commits are those that it lacks.", to, from))
		from, to = to, from
	}
	for _, m := range slices.Backward(r.history.Marks()) {
		if m.Build <= from || m.Build > to {
			continue
		}
		m, err := r.history.Resolve(ctx, m)
		if err != nil {
			return err
		}
		c.Commits = append(c.Commits, commit(m))
	}
	if missing := int(to-from) - len(c.Commits); missing > 0 {
		c.CommitsWhy = fmt.Sprintf("%d of %d are not in %s.", missing, int(to-from), strings.Join(r.bf.sources, " "))
	}
	return nil
}

func commit(m upstream.Mark) report.Commit {
	return report.Commit{Build: m.Build.String(), ID: m.ID, Subject: m.Subject, When: m.Time}
}

func (r *reporter) packagesChanged(ctx context.Context, base, now *store.Record) ([]report.Change, error) {
	if slices.Contains(r.skip, skipPackages) || base.Digest == now.Digest {
		return nil, nil
	}
	was, err := r.packagesOf(ctx, base)
	if err != nil {
		return nil, err
	}
	is, err := r.packagesOf(ctx, now)
	return page.Differing(was, is), err
}

// packagesOf are the packages of an image, as its SBOM lists them.
func (r *reporter) packagesOf(ctx context.Context, rec *store.Record) (map[string]string, error) {
	if known := r.packages[rec.Digest]; known != nil {
		return known, nil
	}
	img, err := r.attested(ctx, r.images, rec)
	if err != nil {
		return nil, err
	}
	statement, err := attest.SBOM(img)
	if err != nil {
		return nil, err
	}
	r.packages[rec.Digest], err = page.Packages(statement)
	return r.packages[rec.Digest], err
}

// kernels compares the kernels of two images; images without any have no such section.
func (r *reporter) kernels(ctx context.Context, base, now *store.Record) ([]report.Section, error) {
	if slices.Contains(r.skip, skipKernels) || base.Digest == now.Digest {
		return nil, nil
	}
	var sets [2]*kernels.Set
	err := r.step("kernels of "+now.Ref+" and "+base.Ref, func(io.Writer) (err error) {
		for i, rec := range []*store.Record{base, now} {
			if sets[i], _, err = r.reader.set(ctx, rec.Digest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(sets[0].Kernels)+len(sets[1].Kernels) == 0 {
		return nil, err
	}
	k := kernels.NewReport("", sets[0], sets[1])
	k.Image, k.Against = now.Ref, base.Ref
	return []report.Section{page.Kernels(k)}, nil
}
