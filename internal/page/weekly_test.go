package page

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"strix-build/internal/report"
	"strix-build/internal/weekly"
)

func eventful(t *testing.T) *weekly.Run {
	t.Helper()
	data, err := os.ReadFile("testdata/weekly.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := weekly.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWeekly(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/weekly.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, "weekly", s)
}

func TestWeeklyIsWellOrNot(t *testing.T) {
	t.Parallel()
	ended := time.Now()
	for want, r := range map[string]*weekly.Run{
		"all is well good": {Ended: &ended, Siblings: []weekly.Sibling{{State: weekly.Unchanged}}},
		"look at it bad":   {Ended: &ended, Siblings: []weekly.Sibling{{State: weekly.Left}}},
		"not ended warn":   {Siblings: []weekly.Sibling{{State: weekly.Waiting}}},
		"dry run ":         {DryRun: true, Ended: &ended},
	} {
		s := Weekly(r)
		if got := s.Verdict.Word + " " + string(s.Verdict.Tone); got != want || len(s.Sections) == 0 {
			t.Errorf("%q with %d sections, want %q", got, len(s.Sections), want)
		}
	}
	old := &weekly.Run{Ended: &ended, Channels: []weekly.Channel{{TooOld: true}}}
	if got := Weekly(old).Verdict.Tone; got != report.Bad {
		t.Errorf("a channel that is too old is %q", got)
	}
}

func TestWeeks(t *testing.T) {
	t.Parallel()
	last, before := eventful(t), eventful(t)
	before.Started = before.Started.AddDate(0, 0, -7)
	before.Siblings = append(before.Siblings[:1], weekly.Sibling{Track: "next", Recipe: "cpu", State: weekly.Moved})
	pages := Pages{Images: map[string]string{last.Siblings[0].Digest: "cpu.html"}, Runs: map[time.Time]string{last.Started.UTC(): "run.html"}}
	var got []string
	for _, s := range Weeks([]*weekly.Run{before, last}, "stable", pages) {
		l := s.(report.List)
		got = append(got, l.Title)
		for _, row := range l.Rows {
			got = append(got, fmt.Sprint(row[0].Text, " ", row[0].Page, " ", row[1].Text, " ", row[2].Text, " ", row[2].Tone, " ", row[5].Page))
		}
	}
	want := []string{"Last weekly run", "2026-11-29 run.html cpu channel moved good cpu.html", "2026-11-29 run.html rocm refused bad ", "2026-11-29 run.html rocm-mmq left behind bad ",
		"2026-11-29 run.html vulkan failed bad ", "2026-11-29 run.html vulkan-spec unchanged  ", "Weekly runs before", "2026-11-22  cpu channel moved good cpu.html"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	all := Weeks([]*weekly.Run{before}, "", pages)[0].(report.List)
	if len(all.Rows) != 2 || all.Heads[1] != "Track" || all.Rows[1][1].Text != "next" {
		t.Errorf("%+v", all)
	}
	if Weeks([]*weekly.Run{last}, "other", pages) != nil {
		t.Error("a section of nothing")
	}
}
