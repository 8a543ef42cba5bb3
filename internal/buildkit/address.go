package buildkit

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/connhelper"
	"github.com/moby/buildkit/client/connhelper/dockercontainer"
	"github.com/moby/buildkit/client/connhelper/kubepod"
	"github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	"github.com/moby/buildkit/client/connhelper/podmancontainer"
	"github.com/moby/buildkit/client/connhelper/ssh"
)

// helpers dial what a socket cannot: nil is BuildKit's own dialer.
var helpers = map[string]func(*url.URL) (*connhelper.ConnectionHelper, error){
	"unix":              nil,
	"tcp":               nil,
	"ssh":               ssh.Helper,
	"docker-container":  dockercontainer.Helper,
	"podman-container":  podmancontainer.Helper,
	"nerdctl-container": nerdctlcontainer.Helper,
	"kube-pod":          kubepod.Helper,
}

// lookAddress is the way of a user who names the builder.
func lookAddress(address string) func(context.Context, *host) (*offer, error) {
	return func(context.Context, *host) (*offer, error) {
		u, err := parseAddress(address)
		if err != nil {
			return nil, err
		}
		var opts []client.ClientOpt
		if helper := helpers[u.Scheme]; helper != nil {
			conn, err := helper(u)
			if err != nil {
				return nil, err
			}
			opts = append(opts, client.WithContextDialer(conn.ContextDialer))
		}
		if u.Scheme == "tcp" {
			if opts, err = secured(u); err != nil {
				return nil, err
			}
			u.RawQuery = ""
		}
		return &offer{
			how:     "builder at " + shown(address),
			address: address,
			hint:    "start a buildkitd there; without an address, strix-build finds or starts one by itself",
			dial: func(ctx context.Context) (*client.Client, error) {
				return client.New(ctx, u.String(), opts...)
			},
		}, nil
	}
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if _, known := helpers[u.Scheme]; !known {
		schemes := slices.Sorted(maps.Keys(helpers))
		return nil, fmt.Errorf("unknown scheme %q; one of %s", u.Scheme, strings.Join(schemes, ", "))
	}
	return u, nil
}

// shown is an address as people read it: without the files of a tcp address.
func shown(address string) string {
	if strings.HasPrefix(address, "tcp://") {
		address, _, _ = strings.Cut(address, "?")
	}
	return address
}
