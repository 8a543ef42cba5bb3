package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// at is a time within the fake builds: seconds after a fixed start.
func at(seconds int) *time.Time {
	t := time.Date(2026, 11, 23, 12, 0, seconds, 0, time.UTC)
	return &t
}

var compile = digest.FromString("compile")

func started(s int) *client.SolveStatus {
	return vertex(client.Vertex{Started: at(s)})
}

func done(s, e int) *client.SolveStatus {
	return vertex(client.Vertex{Started: at(s), Completed: at(e)})
}

func failed(s, e int, text string) *client.SolveStatus {
	return vertex(client.Vertex{Started: at(s), Completed: at(e), Error: text})
}

func vertex(v client.Vertex) *client.SolveStatus {
	v.Digest, v.Name = compile, "compile"
	return &client.SolveStatus{Vertexes: []*client.Vertex{&v}}
}

func logged(text string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: compile, Stream: 2, Data: []byte(text), Timestamp: *at(0)}}}
}

func warned(text string) *client.SolveStatus {
	return &client.SolveStatus{Warnings: []*client.VertexWarning{{Vertex: compile, Short: []byte(text)}}}
}

func newDisplay(t *testing.T, w io.Writer, mode string) *Display {
	t.Helper()
	d, err := New(w, mode, "Building")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// feed sends the updates as client.Solve would.
func feed(d *Display, updates ...*client.SolveStatus) error {
	return d.Feed(func(status chan *client.SolveStatus) error {
		defer close(status)
		for _, u := range updates {
			status <- u
		}
		return nil
	})
}

func TestFeedShowsWhatASolveSays(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	if err := feed(d, started(0), logged("[1/2] mmq.cu\n"), logged("[2/2] link\n"), warned("slow"), done(0, 3)); err != nil {
		t.Fatal(err)
	}
	d.Close()
	// Where the warning stands depends on how much the display prints at once.
	got := strings.Replace(out.String(), "#1 WARN: slow\n", "", 1)
	if got == out.String() {
		t.Errorf("the warning is missing:\n%s", out.String())
	}
	want := "#1 compile\n#1 0.000 [1/2] mmq.cu\n#1 0.000 [2/2] link\n#1 DONE 3.0s\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// Two siblings share the compile step: BuildKit tells both solves the same things.
func TestFeedDropsWhatAnotherSolveHasShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	second := make(chan struct{})
	err := d.Feed(func(a chan *client.SolveStatus) error {
		defer close(a)
		a <- started(0)
		a <- logged("once\n")
		close(second)
		err := feed(d, started(0), logged("once\n"), warned("slow"), done(0, 2))
		a <- done(0, 2)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-second
	if err := feed(d, vertex(client.Vertex{Started: at(5), Completed: at(5), Cached: true})); err != nil {
		t.Fatal(err)
	}
	d.Close()
	want := "#1 compile\n#1 0.000 once\n#1 DONE 2.0s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestFeedTakesOverFromASolveThatEnded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	if err := feed(d, started(0), logged("first\n")); err != nil {
		t.Fatal(err)
	}
	if err := feed(d, logged("second\n"), done(0, 4)); err != nil {
		t.Fatal(err)
	}
	d.Close()
	for _, want := range []string{"first", "second", "DONE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestFeedShowsAStepThatRunsAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	if err := feed(d, started(0), done(0, 2)); err != nil {
		t.Fatal(err)
	}
	if err := feed(d, started(5), logged("no space\n"), failed(5, 6, "exit code 1")); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if !strings.Contains(out.String(), "#1 ERROR: exit code 1") {
		t.Errorf("the second run's error is missing:\n%s", out.String())
	}
	if got, want := string(d.Logs(compile)), "no space\n"; got != want {
		t.Errorf("Logs = %q, want %q", got, want)
	}
}

// client.Solve closes its channel; a caller whose work fails before that does not.
func TestFeedReturnsWhenTheChannelStaysOpen(t *testing.T) {
	t.Parallel()
	d := newDisplay(t, io.Discard, "plain")
	want := errors.New("no builder")
	if got := d.Feed(func(chan *client.SolveStatus) error { return want }); got != want {
		t.Errorf("Feed = %v, want %v", got, want)
	}
}

func TestStepIsShownLikeAVertex(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	want := errors.New("no such commit")
	var late io.Writer
	err := d.Step("export source", func(log io.Writer) error {
		late = log
		fmt.Fprintln(log, "3911 files")
		return want
	})
	if err != want {
		t.Errorf("Step = %v, want %v", err, want)
	}
	fmt.Fprintln(late, "too late")
	if err := d.Step("export source", func(io.Writer) error { return nil }); err != nil {
		t.Error(err)
	}
	d.Close()
	for _, want := range []string{"#1 export source\n", "3911 files\n", "#1 ERROR: no such commit\n", "#2 export source\n", "#2 DONE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "too late") {
		t.Errorf("what came after the end is shown:\n%s", out.String())
	}
}

func TestNothingIsShownOrLostAfterClose(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "plain")
	d.Close()
	d.Close()
	ran := false
	if err := d.Step("late", func(io.Writer) error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("Step after Close: ran %t, error %v", ran, err)
	}
	if err := feed(d, started(0), logged("tail\n"), failed(0, 1, "x")); err != nil {
		t.Error(err)
	}
	if out.Len() != 0 {
		t.Errorf("shown after Close: %q", out.String())
	}
	if got := string(d.Logs(compile)); got != "tail\n" {
		t.Errorf("Logs = %q", got)
	}
}

func TestLogsKeepsTheEnd(t *testing.T) {
	t.Parallel()
	d := newDisplay(t, io.Discard, "quiet")
	line := strings.Repeat("x", 1023) + "\n"
	err := d.Feed(func(status chan *client.SolveStatus) error {
		defer close(status)
		status <- started(0)
		for range 300 {
			status <- logged(line)
		}
		status <- logged("error: the last line\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := d.Logs(compile)
	if len(got) > KeepLogBytes || len(got) < KeepLogBytes-2*len(line) {
		t.Errorf("%d bytes are kept, want nearly %d", len(got), KeepLogBytes)
	}
	if !strings.HasPrefix(string(got), line) || !strings.HasSuffix(string(got), "\nerror: the last line\n") {
		t.Errorf("kept %.20q … %.40q", got, got[len(got)-40:])
	}
	if d.Logs("sha256:none") != nil {
		t.Error("logs of a vertex that was never seen")
	}
}

func TestRawJSONIsOneStatusALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "rawjson")
	if err := feed(d, started(0), done(0, 1)); err != nil {
		t.Fatal(err)
	}
	d.Close()
	var lines int
	for line := range strings.Lines(out.String()) {
		var ss client.SolveStatus
		if err := json.Unmarshal([]byte(line), &ss); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		lines++
	}
	if lines != 2 {
		t.Errorf("%d lines, want 2:\n%s", lines, out.String())
	}
}

func TestQuietWritesNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := newDisplay(t, &out, "quiet")
	if err := feed(d, started(0), failed(0, 1, "x")); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if out.Len() != 0 {
		t.Errorf("wrote %q", out.String())
	}
}

func TestTTYNeedsATerminal(t *testing.T) {
	t.Parallel()
	_, err := New(io.Discard, "tty", "Building")
	if err == nil || err.Error() != `progress mode "tty": the output is not a terminal` {
		t.Errorf("err = %v", err)
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, flag, env, want, err string }{
		{name: "nothing is asked for", want: "auto"},
		{name: "environment", env: "rawjson", want: "rawjson"},
		{name: "flag before environment", flag: "plain", env: "rawjson", want: "plain"},
		{name: "unknown flag", flag: "fancy", err: `--progress "fancy": not one of auto, tty, plain, quiet, rawjson`},
		{name: "unknown environment", env: "fancy", err: `$BUILDKIT_PROGRESS "fancy": not one of auto, tty, plain, quiet, rawjson`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Mode(tt.flag, func(key string) string {
				if key != EnvMode {
					t.Errorf("read %q", key)
				}
				return tt.env
			})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("Mode = %q, %v; want %q, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
