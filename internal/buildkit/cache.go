package buildkit

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
)

// Cache is a place in a registry that steps' results come from or go to, in BuildKit's own attributes.
type Cache struct {
	attrs map[string]string
}

const registryCache = "registry"

// exported is what is written where the user says nothing else: every step, in the form that all registries take, quickly compressed.
var exported = map[string]string{
	"mode": "max", "image-manifest": "true", "oci-mediatypes": "true", "compression": "zstd", "compression-level": "3",
}

// CacheFrom reads a reference, or attributes as buildx takes them: type=registry,ref=NAME.
func CacheFrom(text string) (Cache, error) { return parseCache(text, nil) }

// CacheTo is CacheFrom of a place that is written.
func CacheTo(text string) (Cache, error) { return parseCache(text, exported) }

// Ref is the reference.
func (c Cache) Ref() string { return c.attrs["ref"] }

func parseCache(text string, usual map[string]string) (Cache, error) {
	attrs := maps.Clone(usual)
	if attrs == nil {
		attrs = map[string]string{}
	}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return Cache{}, fmt.Errorf("%q: want a reference, or type=registry,ref=NAME", text)
	}
	kind := registryCache
	if len(fields) == 1 && !strings.Contains(text, "=") {
		fields = []string{"ref=" + text}
	}
	for _, f := range fields {
		key, value, ok := strings.Cut(f, "=")
		switch {
		case !ok:
			return Cache{}, fmt.Errorf("%q: %q is not KEY=VALUE", text, f)
		case key == "type":
			kind = value
		default:
			attrs[key] = value
		}
	}
	if kind != registryCache {
		return Cache{}, fmt.Errorf("%q: type %q; only registry", text, kind)
	}
	if attrs["ref"] == "" {
		return Cache{}, fmt.Errorf("%q: no ref", text)
	}
	if _, err := name.ParseReference(attrs["ref"]); err != nil {
		return Cache{}, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return Cache{attrs}, nil
}

func imports(caches []Cache) []gateway.CacheOptionsEntry {
	var out []gateway.CacheOptionsEntry
	for _, c := range caches {
		out = append(out, gateway.CacheOptionsEntry{Type: registryCache, Attrs: c.attrs})
	}
	return out
}

func exports(caches []Cache) []client.CacheOptionsEntry {
	var out []client.CacheOptionsEntry
	for _, c := range caches {
		out = append(out, client.CacheOptionsEntry{Type: registryCache, Attrs: c.attrs})
	}
	return out
}

// credentials gives a builder what docker and podman know of a registry, when it asks for that registry.
func credentials() session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			if host == authprovider.DockerHubRegistryHost {
				host = name.DefaultRegistry
			}
			registry, err := name.NewRegistry(host)
			if err != nil {
				return types.AuthConfig{}, err
			}
			auth, err := authn.DefaultKeychain.Resolve(registry)
			if err != nil {
				return types.AuthConfig{}, err
			}
			c, err := auth.Authorization()
			if err != nil {
				return types.AuthConfig{}, err
			}
			return types.AuthConfig{
				ServerAddress: host, Username: c.Username, Password: c.Password, Auth: c.Auth, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
			}, nil
		},
	})
}
