package upstream

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/upstream/upstreamtest"
)

// partOf makes a repository with a folder of headers beside what nobody asks for.
func partOf(t *testing.T) (dir, id string) {
	t.Helper()
	dir = upstreamtest.NewCheckout(t)
	upstreamtest.Write(t, dir, map[string]string{
		"lib/include/wmma/a.hpp": "a\n", "lib/include/wmma/internal/b.hpp": "b\n", "lib/src/c.cpp": "c\n", "big": strings.Repeat("x", 4096),
	})
	return dir, upstreamtest.Commit(t, dir, "headers")
}

func TestExportPart(t *testing.T) {
	t.Parallel()
	dir, id := partOf(t)
	var want bytes.Buffer
	if err := ExportPart(t.Context(), Source{Path: dir}, id, "lib/include/wmma", "", &want); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(contents(t, want.Bytes()), "\n")
	if !strings.Contains(got, "a.hpp") || !strings.Contains(got, "internal/b.hpp") || strings.Contains(got, "c.cpp") || strings.Contains(got, "lib") {
		t.Error(got)
	}
	for name, config := range map[string][]string{"filtering": filtering, "plain": {"allowAnySHA1InWant"}, "no single files": {"allowFilter"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bare := filepath.Join(t.TempDir(), "parts.git")
			upstreamtest.Git(t, dir, "clone", "-q", "--bare", ".", bare)
			for _, c := range config {
				upstreamtest.Git(t, bare, "config", "uploadpack."+c, "true")
			}
			server := upstreamtest.Serve(t, filepath.Dir(bare))
			src, cache := Source{URL: server.URL + "/parts.git"}, t.TempDir()
			for _, what := range []string{"fetched", "from the cache"} {
				var got bytes.Buffer
				before := server.Requests.Load()
				if err := ExportPart(t.Context(), src, id, "lib/include/wmma", cache, &got); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Fatalf("%s: %v: %d bytes", what, err, got.Len())
				}
				if n := server.Requests.Load() - before; what == "from the cache" && n != 0 {
					t.Errorf("%d requests for what the cache has", n)
				}
			}
		})
	}
}

func TestExportPartErrors(t *testing.T) {
	t.Parallel()
	dir, id := partOf(t)
	for want, c := range map[string]struct{ id, folder string }{
		`export "none" at `:              {id, "none"},
		`"main" is not a full commit id`: {"main", "lib"},
		"not found":                      {strings.Repeat("1", 40), "lib"},
	} {
		err := ExportPart(t.Context(), Source{Path: dir}, c.id, c.folder, "", &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", c, err, want)
		}
	}
}
