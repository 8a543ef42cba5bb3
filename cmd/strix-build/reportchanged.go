package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"strix-build/internal/attest"
	"strix-build/internal/kernels"
	"strix-build/internal/page"
	"strix-build/internal/report"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

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
	switch {
	case slices.Contains(r.skip, skipPackages):
		changes.Notes = append(changes.Notes, "Packages were not looked at (--skip packages).")
	case base.Digest != rec.Digest && len(r.packages[base.Digest])+len(r.packages[rec.Digest]) == 0:
		changes.Notes = append(changes.Notes, "The images' SBOMs list no packages of their distribution.")
	case len(changes.Packages) == 0:
		changes.Notes = append(changes.Notes, "Packages are the same.")
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
