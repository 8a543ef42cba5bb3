package publish

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"strix-build/internal/tag"
)

// TestWasChannelReadsItsOwn: tags of others are not read, and one of its own that the registry fails to read is named and passed over.
func TestWasChannelReadsItsOwn(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	var warned []string
	r, err := Open(repo, Options{Backoff: once, Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	first := promoted(t, r, "")
	second := promoted(t, r, first)
	for i := range 20 {
		if err := r.Point(t.Context(), tag.Moving(fmt.Sprintf("a-%02d", i), tag.Channel), first, ""); err != nil {
			t.Fatal(err)
		}
	}
	var foreign atomic.Int32
	f.set(func(req *http.Request) int {
		switch {
		case strings.Contains(req.URL.Path, "/manifests/a-"):
			foreign.Add(1)
			return http.StatusInternalServerError
		case strings.HasSuffix(req.URL.Path, "/manifests/rocm-mmq"):
			return http.StatusBadGateway
		}
		return 0
	})
	for digest, want := range map[string]bool{first: true, second: true, "sha256:" + strings.Repeat("0", 64): false, "": false} {
		if got, err := r.WasChannel(t.Context(), "rocm-mmq", digest); err != nil || got != want {
			t.Errorf("%s: %t, %v; want %t", digest, got, err, want)
		}
	}
	if n := foreign.Load(); n > 0 {
		t.Errorf("tags of others were read %d times", n)
	}
	if len(warned) == 0 || !strings.HasPrefix(warned[0], `tag "rocm-mmq" cannot be read; whether it names sha256:`) {
		t.Errorf("warned %q", warned)
	}
	if got, err := r.WasChannel(t.Context(), "a", first); err != nil || got {
		t.Errorf("another recipe's: %t, %v", got, err)
	}
	if got, err := open(t, repo+"/new").WasChannel(t.Context(), "rocm-mmq", first); err != nil || got {
		t.Errorf("a repository that is not there: %t, %v", got, err)
	}
}
