package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// epoch is the time of every file: those that the run itself wrote would differ from run to run.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// drop lists what differs from run to run or belongs to the host: globs relative to the root.
var drop = []string{
	"debootstrap", "dev/*", "proc/*", "sys/*", "run/*", "tmp/*", "var/tmp/*",
	"var/log/*", "var/cache/apt/*", "var/lib/apt/lists/*", "var/cache/ldconfig/aux-cache", "var/lib/dpkg/*-old", "var/cache/debconf/*-old",
	"etc/resolv.conf", "etc/hostname", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
	"usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/lintian",
}

// writeTar writes root's files in lexical order.
func writeTar(ctx context.Context, w io.Writer, root string) error {
	t := tree{root: root, out: tar.NewWriter(w), links: map[uint64]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		if dropped(rel) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		return t.add(path, rel)
	})
	if err != nil {
		return err
	}
	return t.out.Close()
}

func dropped(rel string) bool {
	for _, g := range drop {
		if ok, _ := filepath.Match(g, rel); ok {
			return true
		}
	}
	// licences stay, the rest of the documentation does not
	return strings.HasPrefix(rel, "usr/share/doc/") && strings.Count(rel, "/") >= 4 && filepath.Base(rel) != "copyright"
}

type tree struct {
	root  string
	out   *tar.Writer
	links map[uint64]string // inode → first name
}

func (t *tree) add(path, rel string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	if info.Mode()&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0 {
		return nil
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = filepath.ToSlash(rel)
	if info.IsDir() {
		h.Name += "/"
	}
	h.Uname, h.Gname, h.AccessTime, h.ChangeTime, h.Format = "", "", time.Time{}, time.Time{}, tar.FormatPAX
	h.ModTime = epoch
	if st, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && st.Nlink > 1 {
		if first, seen := t.links[st.Ino]; seen {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return t.out.WriteHeader(h)
		}
		t.links[st.Ino] = h.Name
	}
	if !info.Mode().IsRegular() {
		return t.out.WriteHeader(h)
	}
	return t.file(path, h)
}

func (t *tree) file(path string, h *tar.Header) error {
	if edit, ok := edits[h.Name]; ok {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = edit(data)
		h.Size = int64(len(data))
		if err := t.out.WriteHeader(h); err != nil {
			return err
		}
		_, err = io.Copy(t.out, bytes.NewReader(data))
		return err
	}
	if err := t.out.WriteHeader(h); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t.out, f)
	return err
}

var shadowDay = regexp.MustCompile(`(?m)^([^:]*:[^:]*:)\d+:`)

// edits are files whose content holds the day or the machine.
var edits = map[string]func([]byte) []byte{
	"etc/machine-id": func([]byte) []byte { return nil },
	"etc/shadow":     func(data []byte) []byte { return shadowDay.ReplaceAll(data, []byte("${1}1:")) },
}
