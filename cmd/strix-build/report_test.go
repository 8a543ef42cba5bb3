package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/miniature"
	"strix-build/internal/report"
	"strix-build/internal/store"
)

func ofBuild(build string) *store.Record {
	return &store.Record{Inputs: map[string]string{"llama.cpp build": build}}
}

func TestReportListsTheCommitsBetween(t *testing.T) {
	t.Parallel()
	repo, err := miniature.Write(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{streams: streams{nil, io.Discard, io.Discard}}
	r, err := a.newReporter(t.Context(), reportFlags{bf: buildFlags{sources: []string{"llama.cpp=" + repo.Git}}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	marks := r.history.Marks()
	first, last := marks[0].Build.String(), marks[len(marks)-1].Build.String()
	var c report.Changes
	if err := r.commits(t.Context(), &c, ofBuild(first), ofBuild(last)); err != nil {
		t.Fatal(err)
	}
	if len(c.Commits) != len(marks)-1 || c.Commits[0].Build != last || c.Commits[0].Subject == "" || c.Commits[0].When.IsZero() {
		t.Errorf("%d commits of %d marks, the first is %+v", len(c.Commits), len(marks), c.Commits[0])
	}
	back := report.Changes{}
	if err := r.commits(t.Context(), &back, ofBuild(last), ofBuild(first)); err != nil {
		t.Fatal(err)
	}
	if len(back.Commits) != len(c.Commits) || !slices.ContainsFunc(back.Notes, func(n string) bool { return strings.Contains(n, "is older than") }) {
		t.Errorf("back: %d commits, notes %q", len(back.Commits), back.Notes)
	}
	for _, tc := range []struct{ from, to, why string }{{"", last, "does not say"}, {first, "b99999", "are not in"}} {
		c := report.Changes{}
		if err := r.commits(t.Context(), &c, ofBuild(tc.from), ofBuild(tc.to)); err != nil || !strings.Contains(c.CommitsWhy, tc.why) {
			t.Errorf("%q to %q: %q, %v", tc.from, tc.to, c.CommitsWhy, err)
		}
	}
	r.history = nil
	c = report.Changes{}
	if err := r.commits(t.Context(), &c, ofBuild(first), ofBuild(last)); err != nil || !strings.Contains(c.CommitsWhy, "--source llama.cpp=CLONE lists them") {
		t.Errorf("without a source: %q, %v", c.CommitsWhy, err)
	}
}
