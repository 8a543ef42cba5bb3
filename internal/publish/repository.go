package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"strix-build/internal/printable"
)

// Repository is one of a registry.
type Repository struct {
	name      name.Repository
	shown     string // its name for people, where that is another
	keychain  authn.Keychain
	options   []remote.Option
	backoff   remote.Backoff
	clock     *clock
	warn      func(string)
	transport http.RoundTripper // all that is asked goes through it

	mu     sync.Mutex
	puller *remote.Puller
	pusher *remote.Pusher
}

// Options say how a registry is talked to. The zero value is what people expect.
type Options struct {
	Transport http.RoundTripper // nil: the ordinary one
	Keychain  authn.Keychain    // nil: that of docker and podman
	Backoff   remote.Backoff    // between tries of what a registry could not do just then; zero: a second, three, …
	Warn      func(string)      // is told, in a line, what was left as it was beside what was asked; nil: nobody
}

// Open makes a repository of its name; it asks nothing yet.
func Open(repo string, o Options) (*Repository, error) {
	n, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.Transport == nil {
		o.Transport = remote.DefaultTransport
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	watch := &clock{inner: o.Transport}
	r := &Repository{name: n, keychain: o.Keychain, clock: watch, warn: o.Warn, transport: &patient{&pages{&bounded{watch, mostOfAnswer}}}}
	r.options = []remote.Option{remote.WithAuthFromKeychain(o.Keychain), remote.WithTransport(r.transport), remote.WithUserAgent("strix-build")}
	if r.backoff = usualBackoff; o.Backoff != (remote.Backoff{}) {
		r.backoff = o.Backoff
		r.options = append(r.options, remote.WithRetryBackoff(o.Backoff))
	}
	return r, r.renew()
}

// renew forgets what was agreed on with the registry, and what failed: the library remembers both.
func (r *Repository) renew() error {
	puller, err := remote.NewPuller(r.options...)
	if err != nil {
		return err
	}
	pusher, err := remote.NewPusher(r.options...)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.puller, r.pusher = puller, pusher
	return nil
}

func (r *Repository) reader() *remote.Puller {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.puller
}

func (r *Repository) writer() *remote.Pusher {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pusher
}

// String is the repository's name, with its registry.
func (r *Repository) String() string {
	if r.shown != "" {
		return r.shown
	}
	return r.name.String()
}

func notFound(err error) bool {
	var t *transport.Error
	return errors.As(err, &t) && t.StatusCode == http.StatusNotFound
}

// AccessError is a registry that did not do what it was asked, with what can be done about it.
type AccessError struct {
	err  error
	Hint string
}

func (e *AccessError) Error() string { return e.err.Error() }

func (e *AccessError) Unwrap() error { return e.err }

// saidError is what a registry answered when something was done to something: on one line, as whoever sees the registry's words has not asked it.
type saidError struct {
	what string
	err  error
}

func (e *saidError) Error() string { return printable.Line(e.what + ": " + e.err.Error()) }

func (e *saidError) Unwrap() error { return e.err }

// explain says what was done to what when a registry refused it.
func (r *Repository) explain(ctx context.Context, what, of string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	full := r.String()
	switch {
	case strings.HasPrefix(of, "sha256:"):
		full += "@" + of
	case of != "":
		full += ":" + of
	}
	err = &saidError{what + " " + full, err}
	var t *transport.Error
	if !errors.As(err, &t) {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return &AccessError{err, fmt.Sprintf("nobody listens at %s; a registry of your own: strix-build registry serve", r.name.RegistryStr())}
		}
		if cutOff(err) {
			return &AccessError{err, "the connection broke again and again: the same command goes on, and sends only what is missing"}
		}
		return err
	}
	if r.saysImmutable(t) {
		return &AccessError{err, "the registry keeps its tags from moving: allow it for channels and for tags that end in -candidate and -lkg; the others never move"}
	}
	switch t.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &AccessError{err, r.credentials()}
	case http.StatusMethodNotAllowed:
		return &AccessError{err, "the registry does not allow this: it may be read-only, or deleting may be switched off"}
	case http.StatusTooManyRequests:
		return &AccessError{err, "the registry has too much to do: the same command goes on later, and sends only what is missing"}
	}
	if t.StatusCode >= http.StatusInternalServerError {
		return &AccessError{err, "the registry failed: the same command goes on, and sends only what is missing"}
	}
	return err
}

// saysImmutable reports whether a registry refused something because tags must not move: by its own words, of which the repository's name is none.
func (r *Repository) saysImmutable(t *transport.Error) bool {
	said := *t
	said.Request = nil // the URL is ours
	return strings.Contains(strings.ToLower(strings.ReplaceAll(said.Error(), r.name.RepositoryStr(), "")), "immutab")
}

// credentials says which were asked for, and where.
func (r *Repository) credentials() string {
	host := r.name.RegistryStr()
	auth, err := authn.DefaultKeychain.Resolve(r.name)
	if err == nil && auth != authn.Anonymous {
		return fmt.Sprintf("the credentials for %s do not allow it, or have expired: docker login %s, or podman login %s", host, host, host)
	}
	return fmt.Sprintf("there are no credentials for %s in %s: docker login %s, or podman login %s", host, strings.Join(keychainFiles(), ", "), host, host)
}

// keychainFiles are those that authn.DefaultKeychain reads, in its order.
func keychainFiles() []string {
	var out []string
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		out = append(out, filepath.Join(dir, "config.json"))
	} else {
		out = append(out, "~/.docker/config.json")
	}
	if f := os.Getenv("REGISTRY_AUTH_FILE"); f != "" {
		return append(out, f)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		out = append(out, filepath.Join(dir, "containers/auth.json"))
	}
	return out
}

// Ready says why nothing can be published here: who asks may not, the registry takes nothing or is not there, or the clocks are apart. It begins to
// send a blob and takes that back: some registries find out only then who may write.
func (r *Repository) Ready(ctx context.Context) error {
	err := remote.CheckPushPermission(r.name.Tag("ready"), r.keychain, bound{ctx, r.transport})
	if err != nil {
		return r.explain(ctx, "write to", "", err)
	}
	return r.Clock()
}

// bound gives requests a context, where a library has none for them.
type bound struct {
	ctx   context.Context //nolint:containedctx // of all that it is made for
	inner http.RoundTripper
}

func (b bound) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.inner.RoundTrip(req.WithContext(b.ctx))
}

// Plain reports whether the registry is talked to without encryption, as those of this machine are.
func (r *Repository) Plain() bool { return r.name.Scheme() == "http" }
