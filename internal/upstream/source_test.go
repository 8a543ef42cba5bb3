package upstream

import (
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

func TestParseSource(t *testing.T) {
	t.Parallel()
	checkout := upstreamtest.NewCheckout(t)
	bare := filepath.Join(t.TempDir(), "bare.git")
	upstreamtest.Git(t, ".", "init", "-q", "--bare", bare)
	for in, want := range map[string]Source{
		"https://github.com/ggml-org/llama.cpp": {URL: "https://github.com/ggml-org/llama.cpp"},
		"https://example.org/llama.cpp.git/":    {URL: "https://example.org/llama.cpp.git"},
		"http://127.0.0.1:8080/x.git":           {URL: "http://127.0.0.1:8080/x.git"},
		"http://localhost/x":                    {URL: "http://localhost/x"},
		"http://[::1]/x":                        {URL: "http://[::1]/x"},
		checkout:                                {Path: checkout},
		"file://" + bare:                        {Path: bare},
		filepath.Join(checkout, "..", filepath.Base(checkout)): {Path: checkout},
	} {
		if got, err := ParseSource(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
}

func TestParseSourceRefuses(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for in, want := range map[string]string{
		"":                                  "source is empty",
		"ssh://git@github.com/x/y":          "ssh is not supported",
		"git@github.com:ggml-org/llama.cpp": "ssh is not supported",
		"git://example.org/x":               `scheme "git" is not supported`,
		"http://example.org/x":              "use https",
		"https://user:secret@example.org/x": "has credentials in it",
		"https://example.org/x?ref=1":       "query or a fragment",
		"https:///x":                        "is not a URL",
		"/no/such/folder":                   "no such file or folder",
		empty:                               "not a git repository",
	} {
		_, err := ParseSource(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the message shows the password: %v", in, err)
		}
	}
}
