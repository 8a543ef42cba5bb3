package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// began is when the pretended debootstrap run began; what it wrote is later, what packages bring is older.
var (
	began    = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	during   = began.Add(time.Minute)
	packaged = time.Date(2025, 3, 4, 5, 6, 7, 890, time.UTC)
)

// newRoot makes a tree as debootstrap leaves one.
func newRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for path, content := range map[string]string{
		"bin/sh":                                "program",
		"etc/machine-id":                        "0123456789abcdef\n",
		"etc/shadow":                            "root:*:20648:0:99999:7:::\n_apt:!:20648::::::\nempty::\n",
		"etc/passwd":                            "root:x:0:0:root:/root:/bin/bash\n",
		"etc/passwd-":                           "old",
		"etc/hostname":                          "builder",
		"etc/resolv.conf":                       "nameserver 192.0.2.1",
		"debootstrap/debootstrap.log":           "log",
		"proc/1/status":                         "x",
		"sys/kernel":                            "x",
		"run/lock/x":                            "x",
		"tmp/x":                                 "x",
		"var/tmp/x":                             "x",
		"var/log/dpkg.log":                      "2026-07-01 install",
		"var/log/apt/history.log":               "x",
		"var/cache/apt/pkgcache.bin":            "x",
		"var/cache/apt/archives/x.deb":          "x",
		"var/lib/apt/lists/mirror_InRelease":    "x",
		"var/lib/apt/extended_states":           "kept",
		"var/lib/dpkg/status":                   "kept",
		"var/lib/dpkg/status-old":               "x",
		"var/cache/debconf/config.dat-old":      "x",
		"var/cache/ldconfig/aux-cache":          "x",
		"usr/share/man/man1/sh.1.gz":            "x",
		"usr/share/locale/de/LC_MESSAGES/x.mo":  "x",
		"usr/share/doc/dash/copyright":          "licence",
		"usr/share/doc/dash/README":             "x",
		"usr/share/doc/dash/examples/copyright": "licence",
		"usr/lib/dpkg/info/x":                   "kept",
	} {
		write(t, filepath.Join(root, path), content)
	}
	link(t, os.Link(filepath.Join(root, "bin/sh"), filepath.Join(root, "bin/dash")))
	link(t, os.Symlink("../bin/sh", filepath.Join(root, "etc/shell")))
	link(t, os.Symlink("/nowhere", filepath.Join(root, "etc/dangling")))
	link(t, os.Chmod(filepath.Join(root, "bin/sh"), 0o755|fs.ModeSetuid))
	link(t, syscall.Mkfifo(filepath.Join(root, "etc/fifo"), 0o600))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "etc/s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if os.Geteuid() == 0 {
		link(t, syscall.Mknod(filepath.Join(root, "etc/null"), syscall.S_IFCHR|0o666, 1<<8|3))
	}
	settle(t, root)
	return root
}

// settle gives everything the time of the run, and package files theirs.
func settle(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, during, during)
	})
	link(t, err)
	link(t, os.Chtimes(filepath.Join(root, "bin/sh"), packaged, packaged))
	link(t, os.Chtimes(filepath.Dir(root), began.Add(time.Minute), began.Add(time.Minute)))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	link(t, os.MkdirAll(filepath.Dir(path), 0o755))
	link(t, os.WriteFile(path, []byte(content), 0o644))
}

func link(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func tarOf(t *testing.T, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeTar(t.Context(), &b, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// entry is what matters of a tar header.
type entry struct {
	Kind    string
	Mode    int64
	Time    string
	Link    string
	Content string
}

func entries(t *testing.T, data []byte) (map[string]entry, []string) {
	t.Helper()
	out, order := map[string]entry{}, []string{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, order
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uname != "" || h.Gname != "" || !h.AccessTime.IsZero() || !h.ChangeTime.IsZero() {
			t.Errorf("%s: %+v says who and when", h.Name, h)
		}
		out[h.Name] = entry{string(h.Typeflag), h.Mode, h.ModTime.UTC().Format(time.RFC3339Nano), h.Linkname, string(content)}
		order = append(order, h.Name)
	}
}

func TestWriteTar(t *testing.T) {
	t.Parallel()
	const run, pkg = "1980-01-01T00:00:00Z", "1980-01-01T00:00:00Z"
	got, order := entries(t, tarOf(t, newRoot(t)))
	want := map[string]entry{
		"bin/dash":                     {"0", 0o4755, pkg, "", "program"},
		"bin/sh":                       {"1", 0o4755, pkg, "bin/dash", ""},
		"etc/machine-id":               {"0", 0o644, run, "", ""},
		"etc/passwd":                   {"0", 0o644, run, "", "root:x:0:0:root:/root:/bin/bash\n"},
		"etc/shadow":                   {"0", 0o644, run, "", "root:*:1:0:99999:7:::\n_apt:!:1::::::\nempty::\n"},
		"etc/shell":                    {"2", 0o777, run, "../bin/sh", ""},
		"etc/dangling":                 {"2", 0o777, run, "/nowhere", ""},
		"var/lib/apt/extended_states":  {"0", 0o644, run, "", "kept"},
		"var/lib/dpkg/status":          {"0", 0o644, run, "", "kept"},
		"usr/lib/dpkg/info/x":          {"0", 0o644, run, "", "kept"},
		"usr/share/doc/dash/copyright": {"0", 0o644, run, "", "licence"},
	}
	for name := range got {
		if strings.HasSuffix(name, "/") {
			if got[name].Kind != "5" || got[name].Time != run {
				t.Errorf("folder %s is %+v", name, got[name])
			}
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, dir := range []string{"proc/", "sys/", "run/", "tmp/", "var/tmp/", "var/log/", "var/cache/apt/", "var/lib/apt/lists/"} {
		if !slices.Contains(order, dir) {
			t.Errorf("folder %s is missing; programs expect it", dir)
		}
	}
	for _, dir := range []string{"debootstrap/", "usr/share/man/", "usr/share/locale/", "var/log/apt/"} {
		if slices.Contains(order, dir) {
			t.Errorf("folder %s is there", dir)
		}
	}
}

// TestWriteTarTwice makes the tree twice, as two runs would: other inodes, other times, another day in shadow.
func TestWriteTarTwice(t *testing.T) {
	t.Parallel()
	first, second := newRoot(t), newRoot(t)
	write(t, filepath.Join(second, "etc/shadow"), "root:*:20649:0:99999:7:::\n_apt:!:20649::::::\nempty::\n")
	write(t, filepath.Join(second, "etc/machine-id"), "fedcba9876543210\n")
	write(t, filepath.Join(second, "var/log/other.log"), "x")
	settle(t, second)
	later := during.Add(17 * time.Hour)
	link(t, os.Chtimes(filepath.Join(second, "var/lib/dpkg/status"), later, later))
	a, b := tarOf(t, first), tarOf(t, second)
	if !bytes.Equal(a, b) {
		x, _ := entries(t, a)
		y, _ := entries(t, b)
		t.Errorf("two runs differ: %s", cmp.Diff(x, y))
	}
}

func TestWriteTarIsCancelled(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := writeTar(ctx, io.Discard, root); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}
