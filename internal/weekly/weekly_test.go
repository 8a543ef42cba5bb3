package weekly

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

var began = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

// eventful is a run in which everything happened.
func eventful() *Run {
	ended := began.Add(41 * time.Minute)
	r := &Run{Format: Format, Tool: "strix-build v1", Host: "halo", Repository: "ghcr.io/me/llama", Started: began, Ended: &ended,
		Tracks:   []Track{{Name: "stable", Was: "b9909", Base: "b9991", Commit: "0123456789abcdef", Newer: "not b9992: mmq-gfx1151 has no variant", Held: []string{"without rocm-mmq it could have b9992"}}, {Name: "seed", Base: "b8779", Commit: "fedcba9876543210", Kept: true}},
		Forecast: []Outlook{{Set: "greeting", Text: "greeting: broken by a1b2 <script>\n    common/arg.cpp: hunk 1"}},
		Channels: []Channel{{Recipe: "rocm", Digest: "sha256:00112233445566778899", Tag: "rocm-b9880-1-2-20261101", Built: began.AddDate(0, 0, -28), TooOld: true}, {Recipe: "new"}},
		Pruned:   []string{"rocm-b9000-1-2-20260101"},
		Problems: []Problem{{Track: "seed", Text: "its lock was not made anew: no route to host", Hint: "look at the network"}},
	}
	for _, s := range []Sibling{
		{Recipe: "rocm", State: Refused, Base: "b9991", Verdict: "REGRESSED", Why: "pp512 dense -8.1 % | worse", Digest: "sha256:aabbccddeeff00112233", Tag: "rocm-b9991-1-2-20261129", Took: 12 * time.Minute, Cached: &Cached{Hits: 3, Calls: 4}},
		{Recipe: "rocm-mmq", State: Left, Why: "on b9992: mmq-gfx1151 does not apply"},
		{Recipe: "cpu", State: Moved, Base: "b9991", Verdict: "PASS", Digest: "sha256:0011223344556677", Tag: "cpu-b9991-1-2-20261129"},
		{Recipe: "vulkan", State: Failed, Why: "exit code: 1", Hint: "run it again"},
		{Recipe: "vulkan-spec", State: Unchanged, Base: "b9991", Verdict: "PASS", Digest: "sha256:ffeeddccbbaa9988"},
	} {
		s.Track = "stable"
		*r.Sibling("stable", s.Recipe) = s
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current, see -update (-want +got):\n%s", name, diff)
	}
}

func TestSummary(t *testing.T) {
	var md, text strings.Builder
	if err := errors.Join(eventful().Markdown(&md), eventful().Text(&text)); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.md", md.String())
	golden(t, "summary.txt", text.String())
}

func TestSummaryOfARunThatWentOn(t *testing.T) {
	r := &Run{Tool: "strix-build v1", Host: "halo", Started: began, Resumed: &began, DryRun: true, Tracks: []Track{}}
	r.Sibling("stable", "cpu")
	r.Sibling("stable", "rocm").State = WouldMake
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{", not ended: 1 would be built, 1 not begun", "dry run: nothing was written", "resumed at 2026-11-29T03:00:00Z"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if got := (&Run{Ended: &began}).Headline(); got != "nothing to do" {
		t.Errorf("an empty run: %q", got)
	}
	if got := (&Run{}).Headline(); got != "nothing yet" {
		t.Errorf("one that has only begun: %q", got)
	}
}

// TestTextOfOthersIsNoMarkup: a backslash before what is escaped would take the escape away.
func TestTextOfOthersIsNoMarkup(t *testing.T) {
	for text, want := range map[string]string{
		`\[win](https://example.com)`: `\\\[win](https://example.com)`,
		`a \| b`:                      `a \\\| b`,
		"![x](y) <img> `z`\n# no":     `!\[x](y) &lt;img> 'z' # no`,
	} {
		if got := cell(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestDays: a tag has a day and no time, so an image is not older than so many days on the last of them.
func TestDays(t *testing.T) {
	c := Channel{Built: began.Truncate(24 * time.Hour)}
	for _, tc := range []struct {
		after time.Duration
		days  int
	}{{0, 0}, {20 * 24 * time.Hour, 20}, {21*24*time.Hour + 20*time.Hour, 21}, {21*24*time.Hour + 21*time.Hour, 22}} {
		if got := (&Run{Started: began.Add(tc.after)}).Days(c); got != tc.days {
			t.Errorf("after %s: %d days, want %d", tc.after, got, tc.days)
		}
	}
}

func TestSiblingsStaySortedAndAreOpenedOnce(t *testing.T) {
	r := &Run{}
	for _, name := range []string{"b", "a", "c", "b"} {
		r.Sibling("t", name).Base = name
	}
	r.Sibling("s", "z")
	var got []string
	for _, s := range r.Siblings {
		got = append(got, s.Track+"/"+s.Recipe+"="+s.Base)
	}
	if diff := cmp.Diff([]string{"s/z=", "t/a=a", "t/b=b", "t/c=c"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "weekly")
	release, err := Take(dir, Owner{PID: 123, Host: "halo", Since: began})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Take(dir, Owner{PID: 124, Host: "halo", Since: began.Add(12 * time.Minute)})
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("a second run: %v", err)
	}
	if want := "another weekly run is at work: process 123 on halo, since 2026-11-29T03:00:00Z (12m0s ago)"; held.Error() != want {
		t.Errorf("%q, want %q", held, want)
	}
	if err := os.Truncate(filepath.Join(dir, "lock"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err = Take(dir, Owner{}); err == nil || !strings.Contains(err.Error(), "another weekly run has just begun") {
		t.Errorf("of an owner that wrote nothing: %v", err)
	}
	release()
	release, err = Take(dir, Owner{PID: 125, Host: "halo", Since: began})
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	release()
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	r := eventful()
	r.Ended = nil
	if err := Keep(dir, r); err != nil {
		t.Fatal(err)
	}
	until := began.Add(2 * time.Hour)
	if got := Interrupted(dir, r.Of, began.Add(-time.Hour), until); cmp.Diff(r, got) != "" {
		t.Errorf("the interrupted run: %+v", got)
	}
	if got := Interrupted(dir, "/another/project", began.Add(-time.Hour), until); got != nil {
		t.Errorf("goes on with the run of another project: %+v", got)
	}
	if got := Interrupted(dir, r.Of, began.Add(-time.Hour), began.Add(-time.Minute)); got != nil {
		t.Errorf("one of the future goes on: %+v", got)
	}
	if got := Interrupted(dir, r.Of, began.Add(time.Hour), until); got != nil {
		t.Errorf("an old one goes on: %+v", got)
	}
	ended := eventful()
	if err := Keep(dir, ended); err != nil {
		t.Fatal(err)
	}
	if got := Interrupted(dir, r.Of, began.Add(-time.Hour), until); got != nil {
		t.Errorf("one that ended goes on: %+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "other.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := All(dir)
	if err != nil || cmp.Diff([]*Run{ended}, all) != "" {
		t.Errorf("all runs: %+v, %v", all, err)
	}
	if all, err := All(filepath.Join(dir, "none")); all != nil || err != nil {
		t.Errorf("of no folder: %v, %v", all, err)
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"format": 2}`:             "it is a weekly run of format 2, and this program knows 1",
		`{"format": 1, "what": ""}`: `unknown field "what"`,
		`[]`:                        "it is no document of a weekly run",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
