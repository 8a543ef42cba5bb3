package publish

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// usualBackoff is between tries of what was cut off: a second, three. The library has waited inside each of them already.
var usualBackoff = remote.Backoff{Duration: time.Second, Factor: 3, Jitter: 0.1, Steps: 2}

// try does what the library does not try again itself once more where it was cut off: an answer that ended in its middle, and a blob whose
// upload met an expired token, of which the library has read what it would have to send again.
func (r *Repository) try(ctx context.Context, do func() error) error {
	backoff := r.backoff
	for {
		err := do()
		if err == nil || backoff.Steps < 1 || !cutOff(err) {
			return err
		}
		t := time.NewTimer(backoff.Step())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
		if err := r.renew(); err != nil {
			return err
		}
	}
}

// cutOff reports whether an error is that of a connection, and not what a registry answered. What another try cannot help is none: names that there
// are not, certificates, and nobody who listens, for which the library has waited already.
func cutOff(err error) bool {
	var refused *transport.Error
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var list *listError
	if errors.As(err, &list) {
		return false
	}
	if errors.As(err, &refused) || errors.As(err, &dns) || errors.As(err, &certificate) || errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	var request *url.Error
	return errors.As(err, &request) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed)
}

// push pushes with what it needs; what the image is made of is opened for each try.
func (r *Repository) push(ctx context.Context, ref name.Reference, open func() (remote.Taggable, error)) error {
	return r.try(ctx, func() error {
		what, err := open()
		if err != nil {
			return err
		}
		err = r.writer().Push(ctx, ref, what)
		if damagedManifest(err) {
			err = r.mend(ctx, ref, what)
		}
		return err
	})
}

// damagedManifest reports whether a registry failed at being asked for a manifest: docker-registry does for ever, once its disk was full while it wrote one.
func damagedManifest(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.StatusCode == http.StatusInternalServerError && refused.Request != nil &&
		refused.Request.Method == http.MethodHead && strings.Contains(refused.Request.URL.Path, "/manifests/")
}

// mend writes a manifest without asking whether it is there.
func (r *Repository) mend(ctx context.Context, ref name.Reference, what remote.Taggable) error {
	if err := r.renew(); err != nil { // the library remembers what failed
		return err
	}
	pusher := r.writer()
	if img, ok := what.(v1.Image); ok {
		layers, err := img.Layers()
		if err != nil {
			return err
		}
		config, err := partial.ConfigLayer(img)
		if err != nil {
			return err
		}
		for _, l := range append(layers, config) {
			if err := pusher.Upload(ctx, r.name, l); err != nil {
				return err
			}
		}
	}
	return pusher.Put(ctx, ref, what)
}
