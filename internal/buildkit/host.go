package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// host is this machine as the ways see it; tests give it another environment, user and program folder.
type host struct {
	Options
	env    func(string) string
	log    *slog.Logger
	uid    int
	exeDir string   // where the running program lies
	tmp    string   // a folder whose path is short
	sbin   []string // searched for what buildkitd needs, besides the PATH
}

func newHost(o Options) *host {
	h := &host{Options: o, env: o.Env, log: o.Log, uid: os.Geteuid(), tmp: "/tmp", sbin: sbin}
	if h.env == nil {
		h.env = os.Getenv
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		h.exeDir = filepath.Dir(exe)
	}
	return h
}

// sbin are folders that hold runc and rootlesskit but are not on every user's PATH (su without a dash, Debian).
var sbin = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// lookPath finds a program by name on the PATH of the given environment.
func (h *host) lookPath(name string, more ...string) (string, bool) {
	for _, dir := range append(filepath.SplitList(h.env("PATH")), more...) {
		path := filepath.Join(dir, name)
		if filepath.IsAbs(path) && executable(path) {
			return path, true
		}
	}
	return "", false
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// askWithin bounds one question to podman or docker: a remote DOCKER_HOST may be gone.
const askWithin = 10 * time.Second

// ask runs a short command and returns its stdout, trimmed; its error carries what it said on stderr.
func (h *host) ask(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	return h.tell(ctx, path, args...)
}

// tell is ask for commands that may take their time.
func (h *host) tell(ctx context.Context, path string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	err := cmd.Run()
	h.log.Debug("ran", "command", path, "args", args, "error", err)
	if err == nil {
		return strings.TrimSpace(out.String()), nil
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(path), context.Cause(ctx))
	}
	if said := strings.TrimSpace(errs.String()); said != "" {
		return "", fmt.Errorf("%s: %s", filepath.Base(path), lastLine(said))
	}
	return "", fmt.Errorf("%s: %w", filepath.Base(path), err)
}

func lastLine(s string) string {
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// install is the command that brings a package, by Debian's name for it, on this machine's distribution.
func install(pkg string) string {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "install " + pkg + " with your distribution's package manager"
	}
	return installOn(string(data), pkg)
}

func installOn(osRelease, pkg string) string {
	id := ""
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			id += " " + strings.Trim(value, `"'`)
		}
	}
	for _, word := range strings.Fields(id) {
		switch word {
		case "debian", "ubuntu":
			return "apt-get install " + pkg
		case "fedora", "rhel":
			if pkg == "uidmap" {
				pkg = "shadow-utils"
			}
			return "dnf install " + pkg
		case "arch":
			return "pacman -S " + pkg
		}
	}
	return "install " + pkg + " with your distribution's package manager"
}

// writeWhole writes a file beside its place and renames it, so that nobody reads half of it.
func writeWhole(path string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
