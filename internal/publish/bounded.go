package publish

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// mostOfAnswer is the most that a registry may answer with where it is not asked for a blob, in bytes and unpacked: manifests have kilobytes, the list of
// a hundred thousand tags some megabytes.
const mostOfAnswer = 8 << 20

// bounded ends what a registry answers after so many bytes, whether it goes on for ever or was packed to a thousandth. Blobs are let through: they have the
// size that their manifest says, and who reads them bounds that.
type bounded struct {
	inner http.RoundTripper
	most  int64
}

func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(req)
	if err != nil || forBlob(req) && resp.StatusCode < http.StatusMultipleChoices {
		return resp, err
	}
	resp.Body = &boundedBody{resp.Body, b.most, b.most, req}
	return resp, nil
}

// forBlob reports whether a blob was asked for, perhaps of another server that a registry led to.
func forBlob(req *http.Request) bool {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/")
}

// boundedBody is an answer that may have so many bytes.
type boundedBody struct {
	io.ReadCloser
	most, left int64
	req        *http.Request
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &listError{fmt.Sprintf("%s %s: it answers with more than %d bytes", b.req.Method, b.req.URL.Redacted(), b.most)}
	}
	return n, err
}
