package buildkit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/moby/buildkit/client"
)

// lookEmbedded is the BuildKit inside dockerd. It is reached through "docker
// system dial-stdio", which knows contexts, DOCKER_HOST, TLS and ssh, so that none
// of that has to be known here.
func lookEmbedded(ctx context.Context, h *host) (*offer, error) {
	path, ok := h.lookPath("docker")
	if !ok {
		return nil, errors.New("docker is not on the PATH")
	}
	version, err := h.ask(ctx, path, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return nil, err
	}
	if version == "" {
		return nil, errors.New("docker: the daemon gave no version")
	}
	return &offer{
		how:     "BuildKit of Docker " + version,
		address: "docker",
		dial: func(ctx context.Context) (*client.Client, error) {
			return dialEmbedded(ctx, path)
		},
		check: func(b *Builder) error { return b.Require(ContainerdStore, OCIExport) },
	}, nil
}

// dialEmbedded speaks gRPC over the two endpoints of the Docker API that are made for BuildKit's client.
func dialEmbedded(ctx context.Context, docker string) (*client.Client, error) {
	return client.New(ctx, "",
		client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return hijack(ctx, docker, "/grpc", "h2c", nil)
		}),
		client.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return hijack(ctx, docker, "/session", proto, meta)
		}))
}

// hijack asks the Docker API to give the connection away to another protocol.
func hijack(ctx context.Context, docker, path, proto string, meta map[string][]string) (net.Conn, error) {
	conn, err := commandconn.New(ctx, docker, "system", "dial-stdio")
	if err != nil {
		return nil, err
	}
	// Reads on the pipe of a process know no deadline, so a cancelled dial closes it.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	up, err := upgrade(ctx, conn, path, proto, meta)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("docker API %s: %w", path, err), conn.Close())
	}
	return up, nil
}

func upgrade(ctx context.Context, conn net.Conn, path, proto string, meta map[string][]string) (net.Conn, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+path, nil)
	if err != nil {
		return nil, err
	}
	for key, values := range meta {
		for _, v := range values {
			req.Header.Add(key, v)
		}
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", proto)
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body.Close()
		return nil, fmt.Errorf("not upgraded to %s: %s", proto, resp.Status)
	}
	return &bufferedConn{Conn: conn, r: r}, nil
}

// bufferedConn first reads what came along with the answer to the upgrade.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
