package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"strix-build/internal/campaign"
	"strix-build/internal/page"
	"strix-build/internal/report"
	"strix-build/internal/store"
	"strix-build/internal/upstream"
)

// reporter makes subjects of what is on this machine. What two images share it reads once.
type reporter struct {
	*app
	reportFlags
	images   *store.Store // nil until an image is asked for
	records  []*store.Record
	reader   *imageReader
	packages map[string]map[string]string // by digest of the image
	history  *upstream.History            // nil: nobody named a source
}

func (a *app) newReporter(ctx context.Context, o reportFlags) (*reporter, error) {
	r := &reporter{app: a, reportFlags: o, packages: map[string]map[string]string{}}
	r.reader = &imageReader{app: a, library: "*", layers: map[string]*layerFiles{}}
	src, err := o.bf.source()
	if err != nil || len(o.bf.sources) == 0 {
		return r, err
	}
	r.history, err = upstream.OpenHistory(ctx, src, "")
	return r, err
}

func (r *reporter) close() {
	if r.history != nil {
		_ = r.history.Close()
	}
}

// open reads the store's records, once.
func (r *reporter) open() error {
	if r.images != nil {
		return nil
	}
	images, err := r.app.images()
	if err != nil {
		return err
	}
	r.records, err = images.Records()
	r.images = images
	return err
}

// errRows says that an argument is rows of llama-bench, which are read together.
var errRows = page.ErrRows

// subjects are what an argument is about: one, or the documents of a folder.
func (r *reporter) subjects(ctx context.Context, arg string) ([]report.Subject, error) {
	st, err := os.Stat(arg)
	if err != nil {
		return one(r.imageNamed(ctx, arg))
	}
	if !st.IsDir() {
		return one(readSubject(arg))
	}
	if !strings.ContainsRune(arg, filepath.Separator) { // a folder may be called as an image is
		if err := r.open(); err != nil {
			return nil, err
		}
		if rec, err := r.recordOf(r.images, arg); err == nil {
			return one(r.image(ctx, rec))
		}
	}
	if _, err := os.Stat(filepath.Join(arg, "oci-layout")); err == nil {
		return nil, usage("%s is a layout: only images of the local store have a record to report", arg)
	}
	return folderSubjects(arg)
}

func one(s report.Subject, err error) ([]report.Subject, error) {
	if err != nil {
		return nil, err
	}
	return []report.Subject{s}, nil
}

func readSubject(file string) (report.Subject, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return report.Subject{}, err
	}
	s, err := page.Read(data)
	if err != nil && !errors.Is(err, errRows) {
		return s, usage("%s: %v", file, err)
	}
	return s, err
}

// folderSubjects are the documents *.json of a folder, each once, whatever it is called twice; errRows: it has none, so it is one of rows.
func folderSubjects(dir string) ([]report.Subject, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []report.Subject
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if seen[string(data)] {
			continue
		}
		seen[string(data)] = true
		s, err := page.Read(data)
		switch {
		case errors.Is(err, page.ErrUnknown) || errors.Is(err, page.ErrNoDocument) || errors.Is(err, errRows):
		case err != nil:
			return nil, usage("%s: %v", file, err)
		default:
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, errRows
	}
	return out, nil
}

// Limits of change that count, as bench compare has them.
const promptLimit, generationLimit = 0.03, 0.01

func rowsSubject(names []string) (report.Subject, error) {
	var bases []*campaign.Base
	for _, name := range names {
		b, err := campaign.Load(name)
		if err != nil {
			return report.Subject{}, usage("%v", err)
		}
		bases = append(bases, b)
	}
	s, err := page.Rows(bases, campaign.Limits{Prompt: promptLimit, Generation: generationLimit})
	if err != nil {
		return s, usage("%v", err)
	}
	return s, nil
}
