package buildkit_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/client"
	"strix-build/internal/buildkit"
)

// envRole makes the test binary play another program. Fake podman and docker
// scripts and killed clients are this binary with a role.
const envRole = "STRIX_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(envRole); role {
	case "":
		os.Exit(m.Run())
	case "client":
		err = playClient(buildkit.Options{Address: "own", StateDir: os.Getenv("STRIX_TEST_DIR")})
	case "dial-stdio":
		err = playDialStdio(os.Getenv("STRIX_TEST_SOCKET"))
	case "docker-api":
		err = playDockerAPI(os.Getenv("STRIX_TEST_SOCKET"))
	case "deaf":
		playDeaf()
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// playClient holds a builder until its stdin ends.
func playClient(o buildkit.Options) error {
	b, err := buildkit.Connect(context.Background(), o)
	if err != nil {
		return err
	}
	fmt.Println("connected")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return b.Close()
}

// playDeaf is a daemon that neither answers nor ends when asked to.
func playDeaf() {
	ignoreSIGTERM()
	fmt.Println("deaf")
	never := make(chan os.Signal, 1) // a bare select {} would be a deadlock to the runtime, and end
	signal.Notify(never, os.Interrupt)
	<-never
}

// playDialStdio is "buildctl dial-stdio" in a container.
func playDialStdio(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	join(os.Stdin, os.Stdout, conn)
	return nil
}

// playDockerAPI is "docker system dial-stdio" to a dockerd whose two endpoints for BuildKit are served by socket.
func playDockerAPI(socket string) error {
	in := bufio.NewReader(os.Stdin)
	req, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	var conn net.Conn
	switch proto := req.Header.Get("Upgrade"); {
	case req.URL.Path == "/grpc" && proto == "h2c":
		conn, err = net.Dial("unix", socket)
	case req.URL.Path == "/session":
		conn, err = dialSession(socket, proto, req.Header)
	default:
		fmt.Print("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Printf("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", req.Header.Get("Upgrade"))
	join(in, os.Stdout, conn)
	return nil
}

func dialSession(socket, proto string, h http.Header) (net.Conn, error) {
	c, err := client.New(context.Background(), "unix://"+socket)
	if err != nil {
		return nil, err
	}
	meta := make(map[string][]string)
	for key, values := range h {
		if strings.HasPrefix(key, "X-Docker-") { // the others are for this hop
			meta[key] = values
		}
	}
	return c.Dialer()(context.Background(), proto, meta)
}

// join copies both ways until the connection's side ends.
func join(in io.Reader, out io.Writer, conn net.Conn) {
	var once sync.WaitGroup
	once.Go(func() { io.Copy(out, conn) })
	go func() {
		io.Copy(conn, in)
		conn.Close()
	}()
	once.Wait()
}
