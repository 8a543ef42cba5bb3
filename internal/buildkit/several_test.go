package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/solver/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSeveralTakesWhatTheUserNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, env string
		flags     []string
		want      string // names, or the error
		many      bool
	}{
		{name: "nothing", want: ""},
		{name: "an empty flag", flags: []string{""}, want: ""},
		{name: "one", flags: []string{"own"}, want: "own"},
		{name: "two", flags: []string{"own", "tcp://a:1?cacert=" + caFile(t)}, want: "own tcp://a:1", many: true},
		{name: "environment", env: "  unix:///a\n unix:///b ", want: "unix:///a unix:///b", many: true},
		{name: "flag before environment", flags: []string{"own"}, env: "unix:///a unix:///b", want: "own"},
		{name: "twice", flags: []string{"unix:///a", "own", "unix:///a"}, want: `--builder "unix:///a" is named twice`},
		{name: "twice with other files", flags: []string{"tcp://a:1", "tcp://a:1?servername=b"}, want: `--builder "tcp://a:1" is named twice`},
		{name: "no address", env: "own nope", want: `$STRIX_BUILDERS "nope": neither an address nor one of container, docker, image, own`},
		{name: "scheme", flags: []string{"own", "http://a"}, want: `--builder "http://a": unknown scheme "http"; one of docker-container, kube-pod, nerdctl-container, podman-container, ssh, tcp, unix`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := Options{StateDir: "s", Env: func(key string) string { return map[string]string{EnvBuilders: tt.env}[key] }}
			all, err := o.Several(tt.flags)
			var names []string
			for _, one := range all {
				names = append(names, one.Name())
				if one.OneOfMany != tt.many || one.StateDir != "s" {
					t.Errorf("%+v", one)
				}
			}
			got := strings.Join(names, " ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func caFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(someCertificate), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFilesOfATCPAddressAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := caFile(t)
	empty := filepath.Join(dir, "empty.pem")
	touch(t, empty)
	tests := []struct{ query, want string }{
		{"", ""},
		{"cacert=" + ca + "&servername=builder", ""},
		{"servername=builder", ""},
		{"ca=" + ca, `unknown "ca"; one of cacert, cert, key, servername, tlsdir`},
		{"cert=" + ca, "cert and key belong together"},
		{"tlsdir=" + dir + "&cacert=" + ca, "tlsdir stands for cacert, cert and key: give it or these"},
		{"tlsdir=" + dir, "open " + dir + "/ca.pem: no such file or directory"},
		{"cacert=" + empty, `cacert "` + empty + `" holds no certificate`},
		{"cert=" + ca + "&key=" + empty, `cert "` + ca + `" and key "` + empty + `": failed to find any PEM data in key input`},
	}
	for _, tt := range tests {
		err := checkAddress("--builder", "tcp://h:1?"+tt.query)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), fmt.Sprintf("--builder %q: ", "tcp://h:1?"+tt.query))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, d)
		}
	}
}

// TestLostTellsABuilderThatIsGoneFromWorkThatIsWrong holds what decides whether work is tried again elsewhere.
func TestLostTellsABuilderThatIsGoneFromWorkThatIsWrong(t *testing.T) {
	t.Parallel()
	gone := status.Error(codes.Unavailable, "error reading from server: EOF")
	step := errdefs.WrapVertex(errors.New("process \"cmake\" did not complete successfully: exit code: 1"), "sha256:0")
	registry := errdefs.WrapVertex(status.Error(codes.Unavailable, "registry says 503"), "sha256:0")
	dead := errors.New("connection refused")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name      string
		ctx       context.Context //nolint:containedctx // what the case is about
		err, ping error
		want      bool
	}{
		{name: "nothing failed", ping: dead},
		{name: "connection lost", err: gone, ping: dead, want: true},
		{name: "connection lost, a new daemon answers", err: gone, want: true},
		{name: "connection lost, in other words", err: errors.New("no active session"), ping: dead, want: true},
		{name: "compiler", err: step},
		{name: "compiler, and then the daemon ended", err: step, ping: dead, want: true},
		{name: "a registry that is away", err: registry},
		{name: "this machine's disk", err: errors.New("no space left on device")},
		{name: "interrupted", ctx: over, err: gone, ping: dead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			wrapped := tt.err
			if wrapped != nil {
				wrapped = fmt.Errorf("recipe x: %w", wrapped)
			}
			if got := lost(ctx, wrapped, func(context.Context) error { return tt.ping }); got != tt.want {
				t.Errorf("lost: %t, want %t", got, tt.want)
			}
		})
	}
}

func TestWatchEndsWhenTheBuilderFallsSilent(t *testing.T) {
	t.Parallel()
	asked := 0
	err := watch(t.Context(), func(ctx context.Context) error {
		if asked++; asked < 3 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}, 1, 1)
	if asked != 3 || err == nil || err.Error() != "no answer for 1ns" {
		t.Errorf("asked %d times: %v", asked, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := watch(ctx, func(context.Context) error { cancel(); return errors.New("closed") }, 1, 1); err != nil {
		t.Errorf("the work's end is taken for the builder's: %v", err)
	}
}

// someCertificate is read, and never used for a connection.
const someCertificate = `-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUcDMksHLqEYIXGfFP0VJVkj/iPnAwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkxOTAwNDJaGA8yMTI2MTEwNTE5MDA0
MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCQn
LBZsyik0fpuQIHVxOwwfoMa7DZ8QqaAUUDzEt9RrOTitx5HOLxpW0MuHYku7bHyg
EOnHP6d/2JUIOuu1ZnijUzBRMB0GA1UdDgQWBBR/e4nNie+4nqcdMTc8z9Xn9MGq
vDAfBgNVHSMEGDAWgBR/e4nNie+4nqcdMTc8z9Xn9MGqvDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCKcf4/zD/Rlty7Y1Hw6eZ1hcw00TTfeLxF
KIlGN2zeeAIhALZSV3ANZRqtRVmkknvMwoMXVmKp7eprbGy38lLCd5ar
-----END CERTIFICATE-----
`
