package buildkit_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"strix-build/internal/buildkit"
	"strix-build/internal/buildkit/buildkittest"
)

// authority signs certificates of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue writes NAME-cert.pem and NAME-key.pem to dir; without a parent it signs itself.
func issue(t *testing.T, dir, name string, parent *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        parent == nil, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent = &authority{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent.cert, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+"-cert.pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, name+"-key.pem"), "PRIVATE KEY", keyDER)
	return &authority{c, key}
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

var listens = regexp.MustCompile(`running server on (127\.0\.0\.1:\d+)`)

// serve starts a buildkitd that listens on a TCP port, and gives its address.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	return start(t, append([]string{"--root", filepath.Join(dir, "root"), "--addr", "tcp://127.0.0.1:0",
		"--otel-socket-path", filepath.Join(dir, "otel.sock"), "--containerd-worker=false", "--oci-worker-net=host",
		"--allow-insecure-entitlement", "network.host"}, flags...)...)
}

// start is serve with all that a daemon needs.
func start(t *testing.T, flags ...string) string {
	t.Helper()
	cmd := exec.Command(buildkittest.Binary(t), flags...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = lines.WriteTo(new(strings.Builder))
		_ = cmd.Wait()
	})
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if m := listens.FindStringSubmatch(line); m != nil {
			return "tcp://" + m[1]
		}
		if err != nil {
			t.Fatalf("buildkitd ended:\n%s", &said)
		}
	}
}

func TestIntegrationMutualTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name+".pem") }
	ca := issue(t, dir, "ca", nil)
	for _, name := range []string{"server", "client"} {
		issue(t, dir, name, ca)
	}
	issue(t, dir, "stranger", nil)
	address := serve(t, "--tlscacert", file("ca-cert"), "--tlscert", file("server-cert"), "--tlskey", file("server-key"))

	full := fmt.Sprintf("%s?cacert=%s&cert=%s&key=%s", address, file("ca-cert"), file("client-cert"), file("client-key"))
	b := connect(t, buildkit.Options{Address: full})
	solveFile(t, b, "over TLS")
	if b.How != "builder at "+address || b.ID() == "" {
		t.Errorf("%q, id %q", b.How, b.ID())
	}
	closeBuilder(t, b)

	folder := t.TempDir() // buildctl's --tlsdir
	for from, to := range map[string]string{"ca-cert": "ca.pem", "client-cert": "cert.pem", "client-key": "key.pem"} {
		if err := os.Link(file(from), filepath.Join(folder, to)); err != nil {
			t.Fatal(err)
		}
	}
	closeBuilder(t, connect(t, buildkit.Options{Address: address + "?servername=server&tlsdir=" + folder}))

	refused := map[string]string{
		address:                                "",
		address + "?cacert=" + file("ca-cert"): "",
		fmt.Sprintf("%s?cacert=%s&cert=%s&key=%s", address, file("ca-cert"), file("stranger-cert"), file("stranger-key")):              "",
		fmt.Sprintf("%s?cacert=%s&cert=%s&key=%s", address, file("stranger-cert"), file("client-cert"), file("client-key")):            "certificate signed by unknown authority",
		fmt.Sprintf("%s?servername=other&cacert=%s&cert=%s&key=%s", address, file("ca-cert"), file("client-cert"), file("client-key")): `not other`,
	}
	for a, want := range refused {
		b, err := buildkit.Connect(t.Context(), buildkit.Options{Address: a, OneOfMany: true})
		if err == nil {
			closeBuilder(t, b)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", a, err, want)
		}
	}
}

// onPath makes this process find programs there first.
func onPath(t *testing.T, dir string) {
	t.Helper()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestIntegrationOtherMachines reaches the daemon by what BuildKit's client starts for each kind of address.
func TestIntegrationOtherMachines(t *testing.T) {
	own := buildkittest.Start(t)
	socket := strings.TrimPrefix(own.Address, "unix://")
	stdio := "STRIX_TEST_ROLE=dial-stdio STRIX_TEST_SOCKET=" + socket + " exec TESTBINARY"
	reach := func(t *testing.T, address string) {
		t.Helper()
		b := connect(t, buildkit.Options{Address: address})
		solveFile(t, b, address)
		if b.ID() != own.ID() {
			t.Errorf("%s is not known to be the same daemon", address)
		}
		closeBuilder(t, b)
	}
	t.Run("kube-pod", func(t *testing.T) {
		onPath(t, fakeEngine(t, "kubectl", `case "$*" in
"--context=lab --namespace=ci exec --container=buildkitd -i buildkitd-0 -- buildctl dial-stdio") `+stdio+` ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`))
		reach(t, "kube-pod://buildkitd-0?context=lab&namespace=ci&container=buildkitd")
	})
	t.Run("podman-container", func(t *testing.T) {
		onPath(t, fakeEngine(t, "podman", `case "$*" in
"exec -i mine buildctl dial-stdio") `+stdio+` ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`))
		reach(t, "podman-container://mine")
	})
	t.Run("ssh", func(t *testing.T) {
		onPath(t, overSSH(t, fakeEngine(t, "buildctl", stdio+"\n")))
		reach(t, "ssh://test")
	})
}

// overSSH is a folder with an ssh that reaches this machine through an sshd of the test's own, over a pipe; there the programs of
// dir are found.
func overSSH(t *testing.T, programs string) string {
	t.Helper()
	const sshd = "/usr/sbin/sshd"
	real, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no ssh: install openssh-client to run this")
	}
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("no sshd: install openssh-server to run this")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // distributions make it when the service starts
		t.Skip(err)
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for name, text := range map[string]string{
		"sshd_config": fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nSetEnv HOME=%s PATH=%s:%s\n",
			file("host"), file("user.pub"), dir, programs, os.Getenv("PATH")),
		"config": fmt.Sprintf("Host test\nProxyCommand %s -i -f %s -E %s\nIdentityFile %s\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile %s\nStrictHostKeyChecking accept-new\n",
			sshd, file("sshd_config"), file("log"), file("user"), file("known")),
		"ssh": "#!/bin/sh\nexec '" + real + "' -F '" + file("config") + "' \"$@\"\n",
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
