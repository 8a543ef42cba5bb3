package upstreamtest

import (
	"bytes"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"sync/atomic"
	"testing"
)

// Server serves the repositories of a folder as git's own server program does.
type Server struct {
	URL      string
	Requests atomic.Int64
	Sent     atomic.Int64
}

// Serve starts a server for the repositories below root; it ends with the test.
func Serve(t *testing.T, root string) *Server {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: root, Stderr: &bytes.Buffer{},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"}}
	s := &Server{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Requests.Add(1)
		backend.ServeHTTP(&countingWriter{w, &s.Sent}, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}
