package buildkit

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with a file, after the given replacements of what differs from run to run.
func golden(t *testing.T, name, got string, replace ...string) {
	t.Helper()
	got = strings.NewReplacer(replace...).Replace(got)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// connectAll is Connect on a fake machine.
func connectAll(ctx context.Context, h *host) error {
	ways, err := h.ways()
	if err != nil {
		return err
	}
	var tried []Attempt
	for _, w := range ways {
		b, err := h.connect(ctx, w)
		if err == nil {
			return errors.Join(errors.New("connected"), b.Close())
		}
		tried = append(tried, Attempt{w.title, err})
	}
	return &NoBuilderError{tried}
}

func TestNoBuilderErrorListsEveryAttempt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		programs map[string]string
		env      map[string]string
		uid      int
	}{
		{name: "nothing"},
		{name: "docker_down", programs: map[string]string{
			"docker":    `echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?" >&2; exit 1`,
			"buildkitd": "exit 1", "runc": "exit 1",
		}, env: map[string]string{EnvImage: "moby/buildkit:latest"}, uid: 1000},
		{name: "podman_idle", programs: map[string]string{"podman": "exit 0"},
			env: map[string]string{EnvBinary: "/nowhere/buildkitd"}},
		{name: "no_runc", programs: map[string]string{"buildkitd": "exit 1"}},
		{name: "no_uidmap", uid: 1000, programs: map[string]string{"buildkitd": "exit 1", "runc": "exit 1", "rootlesskit": "exit 1"}},
		{name: "address", env: map[string]string{EnvHost: "tpc://localhost:1234"}},
		{name: "socket", env: map[string]string{EnvHost: "unix:///nowhere/buildkitd.sock"}},
		{name: "word", env: map[string]string{EnvHost: "podman"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := fakeHost(t, tt.programs, tt.env)
			h.uid = tt.uid
			err := connectAll(t.Context(), h)
			text := fmt.Sprintf("%v\nhint: %s\n", err, Hint(err))
			golden(t, "nobuilder_"+tt.name+".txt", text, h.exeDir, "BIN", install("rootlesskit"), "INSTALL rootlesskit",
				install("runc"), "INSTALL runc", install("uidmap"), "INSTALL uidmap")
		})
	}
}

func TestWaysTakesWhatTheUserNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, flag, env, want string }{
		{name: "nothing named", want: "container docker image own"},
		{name: "flag before environment", flag: "own", env: "unix:///x", want: "own"},
		{name: "environment", env: "docker", want: "docker"},
		{name: "address", flag: "tcp://host:1234", want: "address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := fakeHost(t, nil, map[string]string{EnvHost: tt.env})
			h.Address = tt.flag
			ways, err := h.ways()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, w := range ways {
				names = append(names, w.name)
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("ways %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBuildkitdIsFoundInOrder(t *testing.T) {
	t.Parallel()
	h := fakeHost(t, map[string]string{"buildkitd": ""}, nil)
	onPath := filepath.Join(h.exeDir, "buildkitd")
	h.exeDir = t.TempDir()
	check := func(want string) {
		t.Helper()
		if got, err := h.buildkitd(); err != nil || got != want {
			t.Errorf("buildkitd = %q, %v; want %q", got, err, want)
		}
	}
	check(onPath)
	beside := filepath.Join(h.exeDir, "buildkitd")
	writeScript(t, beside, "")
	check(beside)
	env := filepath.Join(t.TempDir(), "mine")
	writeScript(t, env, "")
	path := h.env("PATH")
	h.env = func(key string) string { return map[string]string{"PATH": path, EnvBinary: env}[key] }
	check(env)
	h.Binary = beside
	check(beside)
}

func TestRootlessRunsUnderRootlesskit(t *testing.T) {
	t.Parallel()
	h := fakeHost(t, map[string]string{"rootlesskit": "", "newuidmap": "", "buildkitd": "", "runc": ""}, nil)
	h.uid = 1000
	of, err := lookOwn(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	p := of.daemon.(*process)
	want := []string{filepath.Join(h.exeDir, "rootlesskit"), "--net=host", "--copy-up=/run"}
	if diff := cmp.Diff(want, p.wrapper); diff != "" {
		t.Errorf("wrapper (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(p.config()), "rootless = true") {
		t.Errorf("the configuration is not for rootless use:\n%s", p.config())
	}
}

func TestInstallKnowsTheDistribution(t *testing.T) {
	t.Parallel()
	tests := []struct{ osRelease, pkg, want string }{
		{"PRETTY_NAME=\"Debian\"\nID=debian\n", "runc", "apt-get install runc"},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "uidmap", "apt-get install uidmap"},
		{"NAME=Fedora\nID=fedora\n", "runc", "dnf install runc"},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "uidmap", "dnf install shadow-utils"},
		{"ID=cachyos\nID_LIKE=arch\n", "runc", "pacman -S runc"},
		{"ID=plan9\n", "runc", "install runc with your distribution's package manager"},
	}
	for _, tt := range tests {
		if got := installOn(tt.osRelease, tt.pkg); got != tt.want {
			t.Errorf("installOn(%q, %q) = %q, want %q", tt.osRelease, tt.pkg, got, tt.want)
		}
	}
}
