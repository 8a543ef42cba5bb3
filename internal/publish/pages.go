package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The most that a list of what is attached to an image may have: some twenty thousand documents. A registry that goes on is not followed.
const (
	mostOfList   = mostOfAnswer // bytes, of all pages
	mostOfPages  = 100
	referrerPath = "/referrers/"
)

// listError is a list or another answer that a registry does not give as it should. Asking again does not help.
type listError struct{ text string }

func (e *listError) Error() string { return e.text }

// pages joins the pages of a list of what is attached to an image (distribution specification, "Listing Referrers"), of which the library reads the
// first only, and takes the parameters from the list's type, with which the library does not know it.
type pages struct{ inner http.RoundTripper }

func (p *pages) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.inner.RoundTrip(req)
	if err != nil || req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || !strings.Contains(req.URL.Path, referrerPath) {
		return resp, err
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != string(types.OCIImageIndex) {
		return resp, nil //nolint:nilerr // no list: the library then looks for the fallback tag
	}
	resp.Header.Set("Content-Type", string(types.OCIImageIndex))
	if len(resp.Header.Values("Link")) == 0 {
		return resp, nil
	}
	return p.join(req, resp)
}

// page is one of a list.
type page struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
}

// join reads the pages that a first one leads to. Where a later one is refused for now, by credentials or for lack of time, that is the answer.
func (p *pages) join(req *http.Request, first *http.Response) (*http.Response, error) {
	all, left := page{SchemaVersion: 2, MediaType: types.OCIImageIndex}, int64(mostOfList)
	at, resp := req.URL, first
	for n := 1; ; n++ {
		next, err := nextPage(resp, at)
		if err != nil {
			resp.Body.Close()
			return nil, err
		}
		one, size, err := readPage(resp, left)
		if err != nil {
			return nil, fmt.Errorf("page %d: %w", n, err)
		}
		all.Manifests, left = append(all.Manifests, one.Manifests...), left-size
		if next == nil {
			return answer(first, all)
		}
		if n == mostOfPages {
			return nil, &listError{fmt.Sprintf("the list has more than %d pages", mostOfPages)}
		}
		again := req.Clone(req.Context())
		again.URL, at = next, next
		if resp, err = p.inner.RoundTrip(again); err != nil {
			return nil, err
		}
		switch code := resp.StatusCode; {
		case code == http.StatusOK:
		case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
			return resp, nil
		default: // the library would take some of them for a registry without lists
			resp.Body.Close()
			return nil, &listError{fmt.Sprintf("page %d of the list is not there: %s", n+1, resp.Status)}
		}
	}
}

// readPage reads a page that has up to so many bytes.
func readPage(resp *http.Response, most int64) (*page, int64, error) {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(data)) > most {
		return nil, 0, &listError{fmt.Sprintf("the list has more than %d bytes", mostOfList)}
	}
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, 0, &listError{fmt.Sprintf("no list: %v", err)}
	}
	return &p, int64(len(data)), nil
}

// answer is a response with the whole list in the place of its first page.
func answer(first *http.Response, all page) (*http.Response, error) {
	data, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	first.Header.Del("Link")
	first.Header.Set("Content-Length", strconv.Itoa(len(data)))
	first.Body, first.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return first, nil
}

// linkForm is a link with its parameters (RFC 8288, 3), relForm the one that says what it is.
var (
	linkForm = regexp.MustCompile(`<([^>]*)>([^<]*)`)
	relForm  = regexp.MustCompile(`(?i);\s*rel\s*=\s*"?([^";,]*)`)
)

// nextPage is where a list goes on; nil: this was all. Credentials go with the request, so it must be at the same registry.
func nextPage(resp *http.Response, at *url.URL) (*url.URL, error) {
	for _, m := range linkForm.FindAllStringSubmatch(strings.Join(resp.Header.Values("Link"), ", "), -1) {
		rel := relForm.FindStringSubmatch(m[2])
		if rel != nil && !hasWord(rel[1], "next") {
			continue
		}
		u, err := at.Parse(m[1])
		if err != nil {
			return nil, &listError{fmt.Sprintf("the list goes on at %q, which is no address", m[1])}
		}
		if u.Scheme != at.Scheme || u.Host != at.Host {
			return nil, &listError{fmt.Sprintf("the list goes on at %q, which is not %s://%s", m[1], at.Scheme, at.Host)}
		}
		return u, nil
	}
	return nil, nil //nolint:nilnil // there is none
}

func hasWord(s, word string) bool {
	for f := range strings.FieldsSeq(s) {
		if strings.EqualFold(f, word) {
			return true
		}
	}
	return false
}
