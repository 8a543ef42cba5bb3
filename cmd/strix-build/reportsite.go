package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/page"
	"strix-build/internal/report"
	"strix-build/internal/store"
	"strix-build/internal/weekly"
)

// site writes a page of each image of the store and of each weekly run, or of those of a track, and the index of them.
func (r *reporter) site(ctx context.Context) error {
	if err := r.open(); err != nil {
		return err
	}
	shown := r.siteRecords()
	runs, err := r.siteRuns()
	if err != nil {
		return err
	}
	switch {
	case len(shown)+len(runs) > 0:
	case r.track != "":
		return usage("no image of track %q is in the local store", r.track)
	default:
		return usage("the local store has no image")
	}
	if err := os.MkdirAll(r.reportFlags.site, 0o755); err != nil {
		return err
	}
	index, pages, err := r.sitePages(ctx, shown, runs)
	if err != nil {
		return err
	}
	sections, err := r.drifts(shown)
	if err != nil {
		return err
	}
	sections = append(page.Weeks(runs, r.track, pages), sections...)
	if len(index.Rows) > 0 {
		sections = append([]report.Section{index}, sections...)
	}
	title := "All images"
	if r.track != "" {
		title = "Images of track " + r.track
	}
	return r.writeIndex(title, sections)
}

// sitePages writes the pages that the index links to.
func (r *reporter) sitePages(ctx context.Context, shown []*store.Record, runs []*weekly.Run) (report.Images, page.Pages, error) {
	index := report.Images{Title: "Images", Lead: "The newest first. A verdict is that of the image's gate."}
	pages := page.Pages{Images: map[string]string{}, Runs: map[time.Time]string{}}
	for _, rec := range shown {
		s, err := r.image(ctx, rec)
		if err != nil {
			return index, pages, err
		}
		file := pageName(rec)
		if err := r.sitePage(file, s); err != nil {
			return index, pages, err
		}
		pages.Images[rec.Digest] = file
		index.Rows = append(index.Rows, indexRow(rec, s.Verdict, file))
	}
	for _, run := range runs {
		file := "weekly-" + run.Name() + ".html"
		if err := r.sitePage(file, page.Weekly(run)); err != nil {
			return index, pages, err
		}
		pages.Runs[run.Started.UTC()] = file
	}
	return index, pages, nil
}

func (r *reporter) sitePage(file string, s report.Subject) error {
	p := &report.Page{Title: s.Name, Made: madeBy(), Subjects: []report.Subject{s}}
	return r.writeSite(file, p.HTML)
}

func (r *reporter) writeSite(file string, write func(io.Writer) error) error {
	return r.writePage(filepath.Join(r.reportFlags.site, file), write)
}

// siteRuns are the weekly runs that say something of the track, the newest last.
func (r *reporter) siteRuns() ([]*weekly.Run, error) {
	dir, err := r.weeklyDir()
	if err != nil {
		return nil, err
	}
	runs, err := weekly.All(dir)
	return slices.DeleteFunc(runs, func(run *weekly.Run) bool {
		return !slices.ContainsFunc(run.Siblings, func(s weekly.Sibling) bool { return r.track == "" || s.Track == r.track })
	}), err
}

// drifts are the lines of the ledger that are about the images shown.
func (r *reporter) drifts(shown []*store.Record) ([]report.Section, error) {
	ledger, err := r.ledger()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, rec := range shown {
		known[rec.Name], known[rec.Ref] = true, true
	}
	return page.Drifts(slices.DeleteFunc(ledger, func(e gate.Entry) bool { return !known[e.Candidate.Name] })), nil
}

func (r *reporter) writeIndex(title string, sections []report.Section) error {
	s := report.Subject{Name: title, Kind: "index", Sections: sections}
	p := &report.Page{Title: title, Made: madeBy(), Subjects: []report.Subject{s}}
	if err := r.writeSite("index.md", p.Markdown); err != nil {
		return err
	}
	return r.writeSite("index.html", p.HTML) // last: what it links to is there
}

// siteRecords are the images to show, the newest first, each once: the store keeps some under a second name.
func (r *reporter) siteRecords() []*store.Record {
	var out []*store.Record
	seen := map[string]bool{}
	kept := func(rec *store.Record) bool {
		return strings.HasSuffix(rec.Name, store.LastGood) || strings.HasSuffix(rec.Name, store.Anchor)
	}
	for _, second := range []bool{false, true} {
		for _, rec := range r.records {
			other := rec.Tests != "" || seen[rec.Digest] || kept(rec) != second
			if other || r.track != "" && (rec.Made == nil || rec.Made.Track != r.track) {
				continue
			}
			seen[rec.Digest] = true
			out = append(out, rec)
		}
	}
	slices.SortStableFunc(out, func(a, b *store.Record) int { return b.Built.Compare(a.Built) })
	return out
}

// pageName is a file that stays an image's.
func pageName(rec *store.Record) string {
	_, hex, _ := strings.Cut(rec.Digest, ":")
	return fmt.Sprintf("%s-%.12s.html", fileName(rec.Ref), hex)
}

func indexRow(rec *store.Record, v *report.Verdict, file string) report.Image {
	out := report.Image{Name: rec.Ref, Build: rec.Inputs["llama.cpp build"], Digest: rec.Digest, Built: rec.Built, Size: rec.Size, Verdict: v.Word, Tone: page.Tone(v.Word), Page: file}
	if len(v.Reasons) > 0 {
		out.Why = v.Reasons[0]
	}
	return out
}
