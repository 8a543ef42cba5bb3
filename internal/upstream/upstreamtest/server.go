package upstreamtest

import (
	"io"
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
	Sent     atomic.Int64 // bytes
	Cut      atomic.Int64 // bytes of a response after which the connection breaks; 0: none
}

// Serve starts a server for the repositories below root; it ends with the test.
func Serve(t testing.TB, root string) *Server {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: root, Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"}}
	s := &Server{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Requests.Add(1)
		backend.ServeHTTP(&countingWriter{w, s, 0}, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

type countingWriter struct {
	http.ResponseWriter
	server *Server
	sent   int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.sent += int64(len(b))
	if cut := w.server.Cut.Load(); cut > 0 && w.sent > cut {
		panic(http.ErrAbortHandler)
	}
	w.server.Sent.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}
