package report

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// browser finds Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	if err := HasCharts(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v: ci/chart.sh fetches it", err)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium to open pages with: apt-get install chromium")
	return ""
}

// own are the hosts that a browser asks for itself.
var own = []string{"accounts.google.com", "clients2.google.com", "update.googleapis.com", "optimizationguide-pa.googleapis.com", "redirector.gvt1.com",
	"edgedl.me.gvt1.com", "content-autofill.googleapis.com"}

// visit opens a page from its file and returns what became of it, with what the browser said on its console and asked of others.
func visit(t *testing.T, page string) (dom string, console, asked []string) {
	t.Helper()
	var mu sync.Mutex
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if host, _, _ := strings.Cut(r.Host, ":"); !slices.Contains(own, host) {
			asked = append(asked, r.Method+" "+r.Host)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	home := t.TempDir()
	flags := strings.Fields(`--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-component-update --disable-sync
		--no-first-run --no-default-browser-check --disable-domain-reliability --disable-features=OptimizationHints,MediaRouter
		--allow-file-access-from-files --proxy-bypass-list=<-loopback> --enable-logging=stderr --virtual-time-budget=20000 --window-size=1300,900 --dump-dom`)
	flags = append(flags, "--user-data-dir="+filepath.Join(home, "profile"), "--proxy-server="+proxy.URL, "file://"+page)
	cmd := exec.CommandContext(t.Context(), browser(t), flags...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	for l := range strings.Lines(said.String()) {
		if strings.Contains(l, "CONSOLE") {
			console = append(console, l)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return out.String(), console, asked
}

// frame is what wrap.html finds out about a page in a frame.
type frame struct {
	Page          string
	Width         int
	Scroll        int // how wide its content is
	Charts, Drawn int // places for charts, and those with a drawing in them
	Done          string
	Scripts       int
	Images        int
	Light, Dark   string // the background, in both themes
	Contrast      float64
	Widest        string   // elements that are beyond the frame
	Asked         []string // what the page loaded
	Points        int
}

func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	browser(t)
	dir := t.TempDir()
	write := func(name string, p *Page) {
		t.Helper()
		var b bytes.Buffer
		if err := p.HTML(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sample.html", samplePage())
	write("hostile.html", hostilePage())
	wrap, err := os.ReadFile("testdata/wrap.html")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrap.html"), wrap, 0o600); err != nil {
		t.Fatal(err)
	}
	dom, console, asked := visit(t, filepath.Join(dir, "wrap.html"))
	if len(console) > 0 || len(asked) > 0 {
		t.Errorf("on the console: %q; asked for: %q", console, asked)
	}
	found := regexp.MustCompile(`(?s)<pre id="result">(.*?)</pre>`).FindStringSubmatch(dom)
	if found == nil {
		t.Fatalf("no result in %.2000s", dom)
	}
	var frames []frame
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &frames); err != nil {
		t.Fatalf("%v: %s", err, found[1])
	}
	if len(frames) != 4 {
		t.Errorf("%d frames", len(frames))
	}
	for _, f := range frames {
		f.check(t)
	}
}

func (f *frame) check(t *testing.T) {
	t.Helper()
	if f.Scroll > f.Width {
		t.Errorf("%s at %d pixels is %d wide: the page scrolls sideways, for %s", f.Page, f.Width, f.Scroll, f.Widest)
	}
	if f.Charts == 0 || f.Drawn != f.Charts || f.Done != "drawn" {
		t.Errorf("%s at %d pixels: %d of %d charts are drawn", f.Page, f.Width, f.Drawn, f.Charts)
	}
	if f.Scripts != 3 || f.Images != 0 {
		t.Errorf("%s: %d scripts and %d images; a text became markup", f.Page, f.Scripts, f.Images)
	}
	if len(f.Asked) > 0 {
		t.Errorf("%s: it asks for %q", f.Page, f.Asked)
	}
	if f.Light == f.Dark || f.Light == "" {
		t.Errorf("%s: light is %q and dark %q", f.Page, f.Light, f.Dark)
	}
	if f.Contrast < 4.5 {
		t.Errorf("%s: a text has a contrast of %.2f; 4.5 is the least of WCAG 2, AA", f.Page, f.Contrast)
	}
	if want := 60*2 + 36 + 16; f.Page == "sample.html" && f.Points < want {
		t.Errorf("%s: %d points are drawn, want %d at least: none may be left out", f.Page, f.Points, want)
	}
}
