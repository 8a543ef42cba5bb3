package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strix-build/internal/publish"
	"strix-build/internal/store"
	"strix-build/internal/tag"
)

// TestSettled: a weekly run asks nothing more of an image that is where it can be, and all of it.
func TestSettled(t *testing.T) {
	fixed, err := tag.Of("rocm", 9880, "898b08854d64", "0b7104da481d", time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	r := &store.Record{Digest: "sha256:new", Tags: []string{"rocm", "rocm-also"}}
	for _, c := range []struct {
		is   map[string]string
		want bool
	}{
		{map[string]string{"rocm": "sha256:new", "rocm-also": "sha256:new"}, false}, // the fixed tag is missing
		{map[string]string{fixed.String(): "sha256:new", "rocm": "sha256:new", "rocm-also": "sha256:new"}, true},
		{map[string]string{fixed.String(): "sha256:new", "rocm": "sha256:new", "rocm-also": "sha256:old"}, false},
		{map[string]string{fixed.String(): "sha256:new", "rocm": "sha256:old", "rocm-rejected": "sha256:new", "rocm-also": "sha256:new"}, true},
		{map[string]string{fixed.String(): "sha256:other", "rocm": "sha256:new", "rocm-also": "sha256:new"}, false},
		{map[string]string{fixed.String(): "sha256:new"}, false},
	} {
		have := tagsOf{}
		for name, digest := range c.is {
			have[name] = publish.Tagged{Digest: digest}
		}
		if got := have.settled(fixed, r); got != c.want {
			t.Errorf("%v: %v", c.is, got)
		}
	}
}

// TestAnInterruptedRunSaysHowFarItCame: whoever cancelled it looks at the summary.
func TestAnInterruptedRunSaysHowFarItCame(t *testing.T) {
	var said strings.Builder
	a := &app{streams: streams{nil, &said, &said}, stateDir: t.TempDir(), projectDir: "../..", progress: "quiet"}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	summary := filepath.Join(t.TempDir(), "weekly.md")
	if err := a.weekly(ctx, []string{"stable"}, weeklyFlags{summary: summary}); !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); !strings.HasPrefix(text, "# Weekly run of ") || !strings.Contains(text, ", not ended: ") {
		t.Error(text)
	}
	if !strings.Contains(said.String(), "weekly, not ended: ") {
		t.Error(said.String())
	}
}
