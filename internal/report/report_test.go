package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	t.Parallel()
	for name, style := range map[string]Style{"text120": {Width: 120, UTF8: true}, "text80": {Width: 80}, "color": {Width: 100, UTF8: true, Color: true}} {
		golden(t, name+".txt", render(t, func(w io.Writer) error { return samplePage().Text(w, style) }))
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	golden(t, "summary.md", render(t, samplePage().Markdown))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
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
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// A chart has no number that no table has: of every row and point, the table beside it shows as much.
func TestTablesHaveWhatChartsHave(t *testing.T) {
	t.Parallel()
	for _, s := range samplePage().Subjects[0].Sections {
		b := s.block()
		rows, drawn := 0, 0
		for _, tb := range b.tables {
			for _, row := range tb.rows {
				if len(row) != len(tb.columns) {
					t.Errorf("%s: a row of %d fields under %d columns", b.title, len(row), len(tb.columns))
				}
			}
			rows += len(tb.rows)
		}
		for _, c := range b.charts {
			drawn += len(c.rows)
			for _, p := range c.panels {
				for _, l := range p.lines {
					drawn += len(l.points)
				}
			}
		}
		if _, lines := s.(Depth); lines { // a row has the points of both arms
			drawn /= 2
		}
		if drawn > 0 && drawn != rows {
			t.Errorf("%s: %d drawn, and %d rows", b.title, drawn, rows)
		}
	}
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	p := hostilePage()
	page := render(t, func(w io.Writer) error { return p.html(w, "var Plot") })
	if n := strings.Count(page, "<script"); n != 3 {
		t.Errorf("%d scripts", n)
	}
	for _, bad := range []string{"<img", "\x1b", "\u202e", "<script>alert"} {
		if strings.Contains(page, bad) {
			t.Errorf("HTML has %q", bad)
		}
	}
	text := render(t, func(w io.Writer) error { return p.Text(w, Style{Width: 100, UTF8: true}) })
	markdown := render(t, p.Markdown)
	for _, out := range []string{text, markdown} {
		if strings.ContainsAny(out, "\x1b\u202e") {
			t.Error("a control character is left")
		}
		if regexp.MustCompile(`(?m)^# head`).MatchString(out) {
			t.Error("a text became a line of its own")
		}
	}
	inCode := regexp.MustCompile("(?s)```text\n.*?\n```")
	for _, bad := range []string{"<script", "<img", "@all", "|`"} {
		if strings.Contains(inCode.ReplaceAllString(markdown, ""), bad) {
			t.Errorf("Markdown has %q", bad)
		}
	}
	if n := strings.Count(markdown, "```"); n%2 != 0 {
		t.Error("a text ended a block of code")
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	page := render(t, func(w io.Writer) error { return samplePage().html(w, "var Plot = 1") })
	for _, want := range []string{"<title>REGRESSED: llama:rocm-mmq</title>", `data-chart="0"`, "default-src &#39;none&#39;", `<td class="n">1,204</td>`, `<a href="llama-rocm-0123456789ab.html">`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if outside := regexp.MustCompile(`(?:src|href)="?(?:https?:)?//`).FindString(page); outside != "" {
		t.Errorf("it points outside: %s", outside)
	}
	for _, script := range regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(script[1]))
		if digest := "sha256-" + base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), digest) {
			t.Errorf("the policy lacks %s", digest)
		}
	}
	var charts []drawing
	data := regexp.MustCompile(`(?s)id="data">(.*?)</script>`).FindStringSubmatch(page)
	if err := json.Unmarshal([]byte(data[1]), &charts); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page, `class="chart"`); n != len(charts) || n != 6 {
		t.Errorf("%d charts in %d places", len(charts), n)
	}
}

func TestHTMLWithoutCharts(t *testing.T) {
	t.Parallel()
	page := render(t, func(w io.Writer) error { return samplePage().html(w, "") })
	if !strings.Contains(page, "No charts: this program was built without its charting library") || strings.Contains(page, `class="chart"`) {
		t.Error("it does not say that charts are missing")
	}
	if _, err := libraryIn(fstest.MapFS{}); err != ErrNoCharts { //nolint:errorlint // as it is
		t.Errorf("%v", err)
	}
	if _, err := libraryIn(fstest.MapFS{"chart/plot.js": {Data: []byte(`x = "</SCRIPT>"`)}}); err == nil {
		t.Error("a library that ends its element is taken")
	}
}

func TestHTMLOfTablesHasNoLibrary(t *testing.T) {
	t.Parallel()
	p := &Page{Title: "a", Subjects: []Subject{{Name: "a", Sections: []Section{Notes{Lines: []string{"nothing to draw"}}}}}}
	page := render(t, func(w io.Writer) error { return p.html(w, "var Plot = 'large'") })
	if strings.Contains(page, "large") || strings.Contains(page, "drawn by") {
		t.Error("a page without charts has the library")
	}
	if n := strings.Count(page, "sha256-"); n != 1 {
		t.Errorf("%d scripts are allowed", n)
	}
}

func TestSeveralSubjects(t *testing.T) {
	t.Parallel()
	p := &Page{Title: "a; b", Subjects: []Subject{{Name: "a", Kind: "gate", Verdict: &Verdict{"PASS", Good, nil}}, {Name: "b", Kind: "bench"}}}
	page := render(t, func(w io.Writer) error { return p.html(w, "") })
	for _, want := range []string{"<title>a; b</title>", `<a href="#subject-2">b</a>`, `id="subject-2"`, `<span class="good">PASS</span>`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if text := render(t, func(w io.Writer) error { return p.Text(w, Style{Width: 80}) }); !strings.Contains(text, "SUBJECT  KIND   VERDICT") {
		t.Errorf("no list of subjects:\n%s", text)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "–", 0.5: "0.5000", 6.566: "6.566", 51.4: "51.40", 331.24: "331.2", 999.96: "1,000", 1204.4: "1,204", 65536: "65,536", math.Inf(1): "–", math.NaN(): "–"} {
		if got := speed(v); got != want {
			t.Errorf("speed(%g) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	for v, want := range map[float64]any{1.23456789: 1.23457, 123456.7: 123457.0} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %v, want %v", v, got, want)
		}
	}
}

// thousandRuns is a page of a thousand processes of four cells.
func thousandRuns() *Page {
	p := samplePage()
	runs := Runs{Cells: []string{"dense/pp512", "dense/tg128", "moe/pp512", "moe/tg128"}}
	for i := range 1000 {
		r := Run{Arm: []string{"baseline", "candidate"}[i/2%2], Part: fmt.Sprintf("round %d", i/8+1), Run: "dense", Seconds: 12.345, Others: 0.021, Speeds: map[string]float64{}}
		for j, c := range runs.Cells[i%2*2 : i%2*2+2] {
			r.Speeds[c] = 1000/float64(1+20*j) + math.Sin(float64(i))
		}
		runs.Rows = append(runs.Rows, r)
	}
	p.Subjects[0].Sections = append(p.Subjects[0].Sections, runs)
	return p
}

func TestThousandRunsAreAllThere(t *testing.T) {
	t.Parallel()
	page := render(t, thousandRuns().HTML)
	if n := strings.Count(page, "<tr>"); n < 2000 {
		t.Errorf("%d rows", n)
	}
	if len(page) > 2e6 {
		t.Errorf("%d bytes: 2 MB are the most", len(page))
	}
}

func BenchmarkThousandRuns(b *testing.B) {
	p := thousandRuns()
	for b.Loop() {
		n := new(counter)
		if err := p.HTML(n); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(*n), "bytes")
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
