package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
	"strix-build/internal/version"
)

func chartForm(t *testing.T, name, window string, spans ...fit.Span) fit.FormReport {
	t.Helper()
	w, err := version.ParseWindow(window)
	if err != nil {
		t.Fatal(err)
	}
	return fit.FormReport{Form: fit.Form{Set: &patch.Set{Name: name}, Variant: &patch.Variant{Window: w, Series: patch.Text{Value: "s"}}}, Spans: spans}
}

func span(from, to version.Build, s patch.State) fit.Span {
	at := func(b version.Build) upstream.Mark { return upstream.Mark{Commit: upstream.Commit{Build: b}} }
	return fit.Span{From: at(from), To: at(to), Result: fit.Result{State: s}}
}

func TestChart(t *testing.T) {
	t.Parallel()
	r := &fit.Report{From: span(101, 0, "").From, To: span(400, 0, "").From, Forms: []fit.FormReport{
		chartForm(t, "right", ">=b151 <b301", span(101, 150, patch.Conflict), span(151, 200, patch.Applies), span(201, 300, patch.Offset),
			span(301, 400, patch.Upstream)),
		chartForm(t, "wrong", ">=b101 <b301", span(101, 301, patch.Applies), span(302, 302, patch.Conflict), span(303, 400, patch.Applies)),
		chartForm(t, "wide", ">=b101", span(101, 301, patch.Applies), span(302, 302, patch.Conflict), span(303, 400, patch.Applies)),
		chartForm(t, "short", ">=b202 <b204", span(101, 201, patch.Upstream), span(202, 203, patch.Applies), span(204, 400, patch.Conflict)),
		chartForm(t, "tags", ">=b101", span(101, 101, patch.Applies), span(220, 220, patch.Offset), span(400, 400, patch.Conflict)),
	}}
	for _, c := range []struct {
		utf8 bool
		want string
	}{{false, `         b101     b173      b253     b325  b400
right s  ......#######++++++++++++=============
wrong s  #########################ooooooooooooo
wide s   #########################X############
short s  ============#.........................
tags s   ##############+++++++++++++++++++++++X

8 builds a column
X  in its window: does not apply
#  in its window: applies
+  in its window: applies on other lines
=  upstream has it
o  applies, outside its window
.  does not apply
`}, {true, ""}} {
		var b bytes.Buffer
		newChart(r, 48, c.utf8).write(&b)
		if c.utf8 {
			if !strings.Contains(b.String(), "█") || strings.Contains(b.String(), "#") {
				t.Error(b.String())
			}
			continue
		}
		if d := cmp.Diff(c.want, b.String()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
}

// Whatever the range and the width, no line is longer than the width and every build has a column.
func TestChartFits(t *testing.T) {
	t.Parallel()
	for builds := version.Build(1); builds < 400; builds++ {
		for _, width := range []int{40, 41, 80, 240} {
			r := &fit.Report{From: span(9000, 0, "").From, To: span(9000+builds-1, 0, "").From,
				Forms: []fit.FormReport{chartForm(t, "name", ">=b1", span(9000, 9000+builds-1, patch.Applies))}}
			c := newChart(r, width, false)
			if c.columns*c.size < int(builds) || (c.columns-1)*c.size >= int(builds) || len(c.axis()) > c.columns || c.label+2+c.columns > width {
				t.Fatalf("%d builds on %d columns: %+v", builds, width, c)
			}
		}
	}
}
