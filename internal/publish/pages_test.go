package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// paged serves a registry whose lists of what is attached have pages of one document. link says where the page after number n is; "": it is as the registry
// would have it.
func paged(t *testing.T, f http.Handler, link func(path string, n int) string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, referrerPath) {
			f.ServeHTTP(w, r)
			return
		}
		said := httptest.NewRecorder()
		f.ServeHTTP(said, r)
		var all page
		if err := json.Unmarshal(said.Body.Bytes(), &all); err != nil {
			t.Error(err)
		}
		slices.SortFunc(all.Manifests, func(a, b json.RawMessage) int { return bytes.Compare(a, b) }) // the handler's order is another each time
		n := 0
		_, _ = fmt.Sscanf(r.URL.RawQuery, "page=%d", &n)
		if n < 0 || n >= len(all.Manifests) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if n+1 < len(all.Manifests) {
			w.Header().Set("Link", link(r.URL.Path, n))
		}
		all.Manifests = all.Manifests[n : n+1]
		w.Header().Set("Content-Type", string(types.OCIImageIndex)+"; charset=utf-8")
		_ = json.NewEncoder(w).Encode(all)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/me/llama"
}

// attachedThree releases an image with three documents, and returns its digest.
func attachedThree(t *testing.T, repo string) string {
	t.Helper()
	rel := release(t, image(t))
	for _, states := range []string{"two", "three"} {
		rel.Attached = append(rel.Attached, Artifact{Type: "application/vnd.in-toto+json", Data: []byte(states), Annotations: map[string]string{AnnotationStatement: states}})
	}
	done, err := open(t, repo).Release(t.Context(), rel)
	if err != nil {
		t.Fatal(err)
	}
	return done.Digest
}

// TestPages: what a registry lists on later pages is attached too.
func TestPages(t *testing.T) {
	t.Parallel()
	f, honest := newFake(t, takeAll, true)
	digest := attachedThree(t, honest)
	for name, link := range map[string]func(string, int) string{
		"relative": func(path string, n int) string { return fmt.Sprintf(`<%s?page=%d>; rel="next"`, path, n+1) },
		"among others": func(path string, n int) string {
			return fmt.Sprintf(`</help>; rel=help, <?page=%d>; title="x, y"; REL=next`, n+1)
		},
		"without a rel": func(path string, n int) string { return fmt.Sprintf("<?page=%d>", n+1) },
	} {
		docs, err := open(t, paged(t, f, link)).Attached(t.Context(), digest)
		if err != nil || len(docs) != 3 {
			t.Errorf("%s: %d documents, %v", name, len(docs), err)
		}
	}
}

// TestPagesThatLeadAway: a list is whole, or an error.
func TestPagesThatLeadAway(t *testing.T) {
	t.Parallel()
	f, honest := newFake(t, takeAll, true)
	digest := attachedThree(t, honest)
	for want, link := range map[string]func(string, int) string{
		"which is not http://":                func(string, int) string { return `<http://169.254.169.254/latest>; rel="next"` },
		"page 2 of the list is not there":     func(string, int) string { return `<?page=7>; rel="next"` },
		"the list has more than 100 pages":    func(string, int) string { return `<?page=0>; rel="next"` },
		`"http://%zz", which is no address`:   func(string, int) string { return `<http://%zz>; rel="next"` },
		"page 2 of the list is not there: 40": func(string, int) string { return `<?page=-1>; rel="next"` },
	} {
		docs, err := open(t, paged(t, f, link)).Attached(t.Context(), digest)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d documents, %v; want %q", len(docs), err, want)
		}
	}
}

// TestListedTwice: a list that repeats a document has it once.
func TestListedTwice(t *testing.T) {
	t.Parallel()
	f, honest := newFake(t, takeAll, true)
	digest := attachedThree(t, honest)
	s := httptest.NewServer(&liar{honest: f, method: "GET", part: referrerPath, lie: func(w *httptest.ResponseRecorder) {
		var all page
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
			t.Error(err)
		}
		all.Manifests = append(all.Manifests, all.Manifests[0])
		w.Header().Del("Content-Length")
		w.Body.Reset()
		_ = json.NewEncoder(w.Body).Encode(all)
	}})
	t.Cleanup(s.Close)
	docs, err := open(t, strings.TrimPrefix(s.URL, "http://")+"/me/llama").Attached(t.Context(), digest)
	if err != nil || len(docs) != 3 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}
