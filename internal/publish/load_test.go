package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// engine is a podman whose "load" runs script; $DIR is a folder of the test's own.
func engine(t *testing.T, script string) (program, dir string) {
	t.Helper()
	dir = t.TempDir()
	program = filepath.Join(dir, "podman")
	text := "#!/bin/sh\nset -eu\n[ \"$*\" = load ] || { echo \"unknown command $*\" >&2; exit 125; }\nDIR=" + dir + "\n" + script
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, dir
}

func TestLoadGivesTheEngineADockerArchive(t *testing.T) {
	t.Parallel()
	podman, dir := engine(t, `cat >"$DIR/archive"`)
	img := image(t)
	const ref = "localhost/strix-build/llama:rocm"
	if err := Load(t.Context(), podman, ref, img); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tarball.ImageFromPath(filepath.Join(dir, "archive"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	a, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := got.ConfigName(); err != nil || a != b {
		t.Errorf("the archive holds image %s, %v; want %s", b, err, a)
	}
}

// TestLoadOfAnEngineThatStops sends more than a pipe holds to one that reads none of it.
func TestLoadOfAnEngineThatStops(t *testing.T) {
	t.Parallel()
	podman, _ := engine(t, "echo 'no space left in /var/lib/containers' >&2; exit 125")
	img, err := random.Image(1<<20, 2)
	if err != nil {
		t.Fatal(err)
	}
	err = Load(t.Context(), podman, "strix-build/llama:rocm", img)
	if err == nil || err.Error() != "exit status 125: no space left in /var/lib/containers" {
		t.Errorf("error %v", err)
	}
}

// TestLoadOfAnEngineThatReadsEnough: the padding at an archive's end is nobody's business.
func TestLoadOfAnEngineThatReadsEnough(t *testing.T) {
	t.Parallel()
	podman, _ := engine(t, "head -c 1000 >/dev/null")
	img, err := random.Image(1<<20, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := Load(t.Context(), podman, "strix-build/llama:rocm", img); err != nil {
		t.Error(err)
	}
}

func TestLoadIsCancelled(t *testing.T) {
	t.Parallel()
	podman, dir := engine(t, `mkfifo "$DIR/never"; exec 3<>"$DIR/ready"; echo up >&3; exec cat "$DIR/never"`)
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	ready := filepath.Join(dir, "ready")
	mkfifo(t, ready)
	go func() {
		if f, err := os.Open(ready); err == nil { // until the engine runs
			_, _ = f.Read(make([]byte, 3))
			f.Close()
		}
		cancel(stop)
	}()
	img, err := random.Image(1<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := Load(ctx, podman, "strix-build/llama:rocm", img); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestLoadWithoutAnEngine(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "podman")
	err := Load(t.Context(), missing, "strix-build/llama:rocm", image(t))
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v", err)
	}
}

func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
