package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	registry "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ImageDigest asks a registry for the digest ("sha256:…") an image reference has now. A reference that has one is
// answered without the network. Credentials come from the ordinary keychain.
func ImageDigest(ctx context.Context, ref string) (string, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image reference %q: %w", ref, err)
	}
	if d, ok := r.(name.Digest); ok {
		return d.DigestStr(), nil
	}
	desc, err := registry.Head(r, registry.WithContext(ctx), registry.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return "", fmt.Errorf("resolve image %q: %w", ref, reason(ctx, err))
	}
	return desc.Digest.String(), nil
}

// errSilent stands for the failure of an earlier request to the same registry.
var errSilent = errors.New("no answer, as before")

// unreachable reports whether a registry did not answer at all. One that answers and refuses is a different matter:
// a wrong name or a missing login must not pass for a host without network.
func unreachable(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode == http.StatusBadGateway || answer.StatusCode == http.StatusServiceUnavailable ||
			answer.StatusCode == http.StatusGatewayTimeout
	}
	var silent *url.Error
	return (errors.As(err, &silent) || errors.Is(err, errSilent)) && !errors.Is(err, context.Canceled)
}

// reason prefers what ended the context to what the interrupted work looked like.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
