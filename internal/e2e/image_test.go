package e2e_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"strix-build/internal/graph"
)

const refName = "org.opencontainers.image.ref.name"

// image opens what a reader of the OCI layout finds under name, and checks every digest in it.
func (s *state) image(t *testing.T, name string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(filepath.Join(s.dir, "images"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.Annotations[refName] != name {
			continue
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatalf("image %s: %v", name, err)
		}
		checkLayers(t, name, img)
		return img
	}
	t.Fatalf("the layout has no image %q: %+v", name, m.Manifests)
	return nil
}

// checkLayers compares every layer with both digests it is known by. (The validate package knows gzip alone.)
func checkLayers(t *testing.T, name string, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatalf("image %s: %v", name, err)
	}
	ids := configOf(t, img).RootFS.DiffIDs
	if len(layers) != len(ids) {
		t.Fatalf("image %s: %d layers, the config has %d", name, len(layers), len(ids))
	}
	shared := len(layers) - 1
	if configOf(t, img).Config.Labels[graph.LabelTests] != "" {
		shared-- // the one below is the image's own
	}
	for i, l := range layers {
		want, err := l.Digest()
		if got := sum(t, l.Compressed); err != nil || got != want {
			t.Errorf("image %s: layer %d is %s, named %s (%v)", name, i, got, want, err)
		}
		if got := window(t, l); i < shared && got != 128<<20 {
			t.Errorf("image %s: layer %d, which siblings share, is not compressed further: zstd's window is %d bytes", name, i, got)
		}
		if got := sum(t, l.Uncompressed); got != ids[i] {
			t.Errorf("image %s: layer %d unpacks to %s, the config says %s", name, i, got, ids[i])
		}
	}
}

// window is what a layer's zstd header says its reader has to remember, in bytes.
func window(t *testing.T, l v1.Layer) uint64 {
	t.Helper()
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begin := make([]byte, zstd.HeaderMaxSize)
	n, err := io.ReadFull(r, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	var h zstd.Header
	if err := h.Decode(begin[:n]); err != nil {
		t.Fatal(err)
	}
	return h.WindowSize
}

func sum(t *testing.T, open func() (io.ReadCloser, error)) v1.Hash {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h, _, err := v1.SHA256(r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func digestOf(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func configOf(t *testing.T, img v1.Image) *v1.ConfigFile {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newest is the latest time of a file in img, and its name.
func newest(t *testing.T, img v1.Image) (latest time.Time, name string) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for files := tar.NewReader(r); ; {
			h, err := files.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.ModTime.After(latest) {
				latest, name = h.ModTime, h.Name
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return latest, name
}

// container is an image unpacked, to run its programs in.
type container struct {
	dir string
	env []string
}

// gguf is what the miniature takes for a model: the head of a GGUF file of version 3, with no tensors and no keys.
var gguf = append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 16)...)

// unpack needs root, as everything here.
func unpack(t *testing.T, img v1.Image) container {
	t.Helper()
	c := container{dir: t.TempDir(), env: configOf(t, img).Config.Env}
	files := mutate.Extract(img)
	defer files.Close()
	cmd := exec.CommandContext(t.Context(), "tar", "-x", "-C", c.dir)
	cmd.Stdin = files
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "model.gguf"), gguf, 0o644); err != nil {
		t.Fatal(err)
	}
	// the loader asks /proc where a program lies, to find the libraries beside it
	mount(t, "proc", filepath.Join(c.dir, "proc"), "")
	return c
}

// mount is taken away before the test's folders are.
func mount(t *testing.T, kind, dir, options string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(kind, dir, kind, unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Skipf("no %s can be mounted here: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

func (c container) command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/local/bin/"+program, args...)
	cmd.Dir, cmd.Env = "/", c.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.dir}
	return cmd
}

// run gives what a program of the image prints on stdout and stderr.
func (c container) run(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := c.command(t, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", program, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
