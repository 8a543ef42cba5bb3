package faults

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Hooks are what the proxy cannot do itself. They are called while a request waits.
type Hooks struct {
	Kill     func()                                         // the program, at once
	Registry func() error                                   // is killed and started again
	Fill     func(full bool) error                          // the registry's disk; nil where that cannot be done
	Written  func(ctx context.Context, repo, target string) // a manifest was written or deleted: target is a tag or a digest
}

// Proxy stands before a registry, asks for a password, counts, and plays one fault at a time.
type Proxy struct {
	hooks Hooks
	login login

	mu      sync.Mutex
	target  string // host and port of the registry
	fault   *armed
	ledger  ledger
	trouble error      // of a hook
	writing sync.Mutex // one manifest after another, so that what is looked at is what one write made
}

// armed is the fault that is waited for, or there.
type armed struct {
	Fault
	at   int // of the requests that carry what its kind needs, from 1
	seen int
	hits int
}

// NewProxy makes a proxy for the registry at target (host and port).
func NewProxy(target string, h Hooks) *Proxy {
	return &Proxy{target: target, hooks: h, login: newLogin(), ledger: newLedger()}
}

// Arm plays a fault at the request that its place says, of as many as an operation like it has.
func (p *Proxy) Arm(f Fault, of Traffic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := of.count(f.Kind.at())
	p.fault = &armed{Fault: f, at: 1 + int(f.Where*float64(n))}
}

// Disarm ends what lasts, and reports how often the fault was there.
func (p *Proxy) Disarm() (hits int, err error) {
	p.mu.Lock()
	f, err := p.fault, p.trouble
	p.fault, p.trouble = nil, nil
	p.mu.Unlock()
	if f == nil {
		return 0, err
	}
	if f.Kind == FullDisk && f.hits > 0 {
		err = errors.Join(err, p.hooks.Fill(false))
	}
	p.login.renew()
	return f.hits, err
}

// could notes what a hook could not do.
func (p *Proxy) could(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = errors.Join(p.trouble, err)
}

// hit reports whether the fault is to be played at this request.
func (p *Proxy) hit(r *http.Request) (kind Kind, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	if f == nil {
		return "", false
	}
	has := carriesOf(r)
	if want := f.Kind.at(); want != anything && want != has {
		return "", false
	}
	f.seen++
	switch {
	case f.seen < f.at, !f.Kind.lasts() && f.hits >= f.Times:
		return "", false
	}
	f.hits++
	return f.Kind, f.hits == 1
}

// carriesOf says what kind of request it is.
func carriesOf(r *http.Request) carries {
	switch {
	case r.Method == http.MethodGet:
		return anAnswer
	case (r.Method == http.MethodPut || r.Method == http.MethodPatch) && r.ContentLength != 0:
		return aBody
	}
	return anything
}

// ServeHTTP hands a request on, unless its fault says otherwise.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.ledger.asked(r)
	kind, first := p.hit(r)
	if first {
		p.begin(kind)
	}
	switch kind {
	case Error500:
		http.Error(w, "something went wrong", http.StatusInternalServerError)
		return
	case Error503:
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case Busy429:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "slowly", http.StatusTooManyRequests)
		return
	case KillBefore, CutBefore:
		panic(http.ErrAbortHandler) // the server cuts the connection
	case KillMidway, KillRegistry, CutRequest:
		p.half(kind, r)
		panic(http.ErrAbortHandler)
	case Slow:
		r.Body = &trickle{ReadCloser: r.Body, ctx: r.Context()}
	}
	p.answer(w, kind, p.ask(r))
}

// ask has a request answered, by whoever is to.
func (p *Proxy) ask(r *http.Request) reply {
	if a, ok := p.login.answer(r); ok {
		_, _ = io.Copy(io.Discard, r.Body)
		return a
	}
	return p.forward(r)
}

// begin does what a fault does once.
func (p *Proxy) begin(kind Kind) {
	switch kind {
	case KillBefore:
		p.hooks.Kill()
	case TokenExpired:
		p.login.forget()
	case LoginExpired:
		p.login.end()
	case FullDisk:
		p.could(p.hooks.Fill(true))
	}
}

// half hands on half of what a request carries; then the program or the registry dies, or the connection is cut.
func (p *Proxy) half(kind Kind, r *http.Request) {
	r.Body = &halfway{ReadCloser: r.Body, left: mostOfHalf(r), then: func() {
		switch kind {
		case KillMidway:
			p.hooks.Kill()
		case KillRegistry:
			p.could(p.hooks.Registry())
		}
	}}
	p.ask(r)
}

// unknownHalf is taken for half of a body whose length is not told, in bytes: layers of trials have more.
const unknownHalf = 100 << 10

func mostOfHalf(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return unknownHalf
	}
	return r.ContentLength / 2
}

// reply is what the registry answered; code 0: nothing.
type reply struct {
	code   int
	header http.Header
	body   []byte
}

// forward asks the registry, and keeps the books.
func (p *Proxy) forward(r *http.Request) reply {
	if manifestTarget(r.URL.Path) != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.writing.Lock()
		defer p.writing.Unlock()
	}
	out := r.Clone(r.Context())
	p.mu.Lock()
	out.URL.Scheme, out.URL.Host = "http", p.target
	p.mu.Unlock()
	out.RequestURI = ""
	out.Header.Del("Authorization")
	body := &counted{ReadCloser: r.Body}
	out.Body = body
	if r.ContentLength == 0 {
		out.Body = nil
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		p.ledger.sent(r, body.n.Load())
		return reply{}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	p.ledger.sent(r, body.n.Load())
	if err != nil {
		return reply{}
	}
	a := reply{resp.StatusCode, resp.Header, data}
	if repo, target, ok := p.ledger.done(r, a.code); ok && p.hooks.Written != nil {
		p.hooks.Written(context.WithoutCancel(r.Context()), repo, target)
	}
	return a
}

// answer gives the program the registry's answer, or what the fault leaves of it.
func (p *Proxy) answer(w http.ResponseWriter, kind Kind, a reply) {
	if kind == KillAfter {
		p.hooks.Kill()
	}
	if a.code == 0 || kind == KillAfter || kind == CutAfter {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if len(a.body) > 0 || a.header.Get("Content-Length") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.code)
	switch kind {
	case CutResponse:
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case Slow:
		_, _ = io.Copy(w, &trickle{ReadCloser: io.NopCloser(bytes.NewReader(a.body)), ctx: context.Background()})
	default:
		_, _ = w.Write(a.body)
	}
}

// counted counts what was read of a body.
type counted struct {
	io.ReadCloser
	n atomic.Int64 // the transport may still read when it has answered
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n.Add(int64(n))
	return n, err
}

var errHalfway = errors.New("cut by the fault")

// halfway ends a body in its middle.
type halfway struct {
	io.ReadCloser
	left int64
	then func()
}

func (h *halfway) Read(b []byte) (int, error) {
	if h.left <= 0 {
		if h.then != nil {
			h.then()
			h.then = nil
		}
		return 0, errHalfway
	}
	n, err := h.ReadCloser.Read(b[:min(int64(len(b)), h.left)])
	h.left -= int64(n)
	if errors.Is(err, io.EOF) {
		h.left = 0
		if n == 0 {
			return h.Read(b)
		}
		err = nil
	}
	return n, err
}

// Steps of a trickle.
const (
	trickleBytes = 64 << 10
	tricklePause = 20 * time.Millisecond
)

// trickle reads a little at a time.
type trickle struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // of the one request that it is the body of
}

func (t *trickle) Read(b []byte) (int, error) {
	timer := time.NewTimer(tricklePause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return 0, t.ctx.Err()
	}
	return t.ReadCloser.Read(b[:min(len(b), trickleBytes)])
}

// manifestTarget is the tag or digest of a manifest's path; "" for other paths.
func manifestTarget(path string) string {
	_, target, _ := strings.Cut(path, "/manifests/")
	return target
}

// Retarget sends what comes from here on to a registry at another address.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}
