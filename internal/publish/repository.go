package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Repository is one of a registry.
type Repository struct {
	name    name.Repository
	options []remote.Option
	puller  *remote.Puller
	pusher  *remote.Pusher
}

// Options say how a registry is talked to. The zero value is what people expect.
type Options struct {
	Transport http.RoundTripper // nil: the ordinary one
	Keychain  authn.Keychain    // nil: that of docker and podman
	Backoff   remote.Backoff    // between tries of what a registry could not do just then; zero: a second, three, …
	Progress  chan<- v1.Update  // of a push; nil: no one looks. It is closed at the push's end
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
	r := &Repository{name: n, options: []remote.Option{remote.WithAuthFromKeychain(o.Keychain), remote.WithTransport(&patient{o.Transport}),
		remote.WithUserAgent("strix-build")}}
	if o.Backoff != (remote.Backoff{}) {
		r.options = append(r.options, remote.WithRetryBackoff(o.Backoff))
	}
	if r.puller, err = remote.NewPuller(r.options...); err != nil {
		return nil, err
	}
	push := r.options
	if o.Progress != nil {
		push = append(push[:len(push):len(push)], remote.WithProgress(o.Progress))
	}
	r.pusher, err = remote.NewPusher(push...)
	return r, err
}

// String is the repository's name, with its registry.
func (r *Repository) String() string { return r.name.String() }

func notFound(err error) bool {
	var t *transport.Error
	return errors.As(err, &t) && t.StatusCode == http.StatusNotFound
}

// AccessError is a registry that wants other credentials, or none of what was asked.
type AccessError struct {
	err  error
	Hint string
}

func (e *AccessError) Error() string { return e.err.Error() }

func (e *AccessError) Unwrap() error { return e.err }

// explain says what was done to what when a registry refused it.
func (r *Repository) explain(ctx context.Context, what, of string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	full := r.name.String()
	switch {
	case strings.HasPrefix(of, "sha256:"):
		full += "@" + of
	case of != "":
		full += ":" + of
	}
	err = fmt.Errorf("%s %s: %w", what, full, err)
	var t *transport.Error
	if !errors.As(err, &t) {
		return err
	}
	switch t.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &AccessError{err, r.credentials()}
	case http.StatusMethodNotAllowed:
		return &AccessError{err, "the registry does not allow this: it may be read-only, or deleting may be switched off"}
	}
	return err
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

// Plain reports whether the registry is talked to without encryption, as those of this machine are.
func (r *Repository) Plain() bool { return r.name.Scheme() == "http" }
