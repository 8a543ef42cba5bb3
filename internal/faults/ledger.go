package faults

import (
	"net/http"
	"strings"
	"sync"
)

// Traffic is what was asked and sent.
type Traffic struct {
	Requests int   `json:"requests"`
	Bodies   int   `json:"bodies"`  // requests that carry something
	Reads    int   `json:"reads"`   // requests whose answer does
	Sent     int64 `json:"sent"`    // bytes that requests carried, whole or not
	Again    int64 `json:"again"`   // bytes of blobs that the registry had when they were sent
	Renewed  int   `json:"renewed"` // manifests that it had: an artifact's is sent with what lists it, where the client does that
}

func (t Traffic) count(c carries) int {
	switch c {
	case aBody:
		return t.Bodies
	case anAnswer:
		return t.Reads
	}
	return t.Requests
}

// ledger knows what the registry has, by what it said of each request.
type ledger struct {
	*sync.Mutex

	now     Traffic
	there   map[string]bool  // "REPOSITORY DIGEST"
	uploads map[string]int64 // bytes that went to an upload, by its path
}

func newLedger() ledger {
	return ledger{Mutex: new(sync.Mutex), there: map[string]bool{}, uploads: map[string]int64{}}
}

// Traffic is what there was since it was asked last.
func (p *Proxy) Traffic() Traffic {
	p.ledger.Lock()
	defer p.ledger.Unlock()
	t := p.ledger.now
	p.ledger.now = Traffic{}
	return t
}

func (l *ledger) asked(r *http.Request) {
	l.Lock()
	defer l.Unlock()
	l.now.Requests++
	switch carriesOf(r) {
	case aBody:
		l.now.Bodies++
	case anAnswer:
		l.now.Reads++
	}
}

func (l *ledger) sent(r *http.Request, n int64) {
	l.Lock()
	defer l.Unlock()
	l.now.Sent += n
	if strings.Contains(r.URL.Path, "/blobs/uploads/") {
		l.uploads[r.URL.Path] += n
	}
}

// done notes what a request that the registry answered changed; ok: it wrote or deleted a manifest.
func (l *ledger) done(r *http.Request, code int) (repo, target string, ok bool) {
	if code < 200 || code > 299 || r.Method != http.MethodPut && r.Method != http.MethodDelete {
		return "", "", false
	}
	l.Lock()
	defer l.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if repo, _, ok := strings.Cut(path, "/blobs/uploads/"); ok {
		if l.keep(repo, r.URL.Query().Get("digest")) {
			l.now.Again += l.uploads[r.URL.Path]
		}
		delete(l.uploads, r.URL.Path)
		return "", "", false
	}
	repo, target, ok = strings.Cut(path, "/manifests/")
	if !ok || !strings.HasPrefix(target, "sha256:") {
		return repo, target, ok
	}
	if r.Method == http.MethodDelete {
		delete(l.there, repo+" "+target)
	} else if l.keep(repo, target) {
		l.now.Renewed++
	}
	return repo, target, true
}

// keep notes that something is there, and reports whether it was before.
func (l *ledger) keep(repo, digest string) bool {
	key := repo + " " + digest
	was := l.there[key]
	l.there[key] = true
	return was
}
