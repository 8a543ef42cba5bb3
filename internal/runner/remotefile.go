package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"strix-build/internal/host"
	"strix-build/internal/program"
)

// Resolve implements [Host].
func (r *Remote) Resolve(ctx context.Context, name string) (string, error) {
	out, err := Output(ctx, r, "sh", "-c", `[ -e "$1" ] || { echo "no such file or directory" >&2; exit 1; }; readlink -f -- "$1"`, "sh", name)
	if err != nil {
		return "", fmt.Errorf("%q on %s: %w", name, r.Target, err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Open implements [Host].
func (r *Remote) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := r.Command(ctx, "sh", "-c", `[ -f "$1" ] || { echo "no regular file" >&2; exit 1; }; stat -L -c %s -- "$1" && exec cat -- "$1"`, "sh", name)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = endWithin
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, 0, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, 0, err
	}
	f := &remoteFile{bufio.NewReader(out), cmd, cancel}
	line, err := f.ReadString('\n')
	if err != nil { // it has ended
		defer cancel()
		return nil, 0, fmt.Errorf("%q on %s: %w", name, r.Target, withWords(cmd.Wait(), said.String()))
	}
	size, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// remoteFile is a file that is being sent.
type remoteFile struct {
	*bufio.Reader
	cmd    *exec.Cmd
	cancel context.CancelFunc
}

// Close ends the sending, wherever it is.
func (f *remoteFile) Close() error {
	f.cancel()
	return f.cmd.Wait()
}

// Machine implements [Host].
func (r *Remote) Machine(ctx context.Context) (host.Machine, error) {
	out, err := Output(ctx, r, "sh", "-c", host.Script)
	if err != nil {
		return host.Machine{}, fmt.Errorf("host %q: %w", r.Target, err)
	}
	return host.Parse(out), nil
}

// Busy implements [Host].
func (r *Remote) Busy(ctx context.Context) (time.Duration, error) {
	out, err := Output(ctx, r, "cat", "/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("host %q: %w", r.Target, err)
	}
	return host.ParseBusy(string(out))
}

// self copies this program to the host.
func (r *Remote) self(ctx context.Context) (string, error) {
	file, err := os.Executable()
	if err != nil {
		return "", err
	}
	return r.copy(ctx, file, "strix-build")
}

// copy sends a file and returns its path there. A file that has not changed is sent once.
func (r *Remote) copy(ctx context.Context, file, name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("%s %d %s", file, st.Size(), st.ModTime())
	if there, ok := r.copies[key]; ok {
		return there, nil
	}
	there := path.Join(r.far, fmt.Sprintf("f%d", len(r.copies)), name)
	cmd := r.Command(ctx, "sh", "-c", `mkdir -p -- "${1%/*}" && cat >"$1" && chmod "$2" "$1"`, "sh", there, fmt.Sprintf("%o", st.Mode().Perm()))
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = f, &said
	cmd.WaitDelay = endWithin
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("copy %q to %s: %w", file, r.Target, whyOf(ctx, withWords(err, said.String())))
	}
	r.copies[key] = there
	return there, nil
}

// folder makes a folder there in the place of one here.
func (r *Remote) folder(ctx context.Context, dir string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there, ok := r.dirs[dir]; ok {
		return there, nil
	}
	there := path.Join(r.far, fmt.Sprintf("d%d", len(r.dirs)))
	if _, err := Output(ctx, r, "mkdir", "--", there); err != nil {
		return "", fmt.Errorf("host %q: %w", r.Target, err)
	}
	r.dirs[dir] = there
	return there, nil
}

// place copies what lies below work, makes Dir there, and lets sockets in it be reached from here.
func (r *Remote) place(ctx context.Context, c program.Command) (there program.Command, undo func(), err error) {
	names, files, args := map[string]string{}, slices.Clone(c.Files), slices.Clone(c.Args)
	for i, f := range c.Files {
		if !below(r.work, f) {
			continue
		}
		if names[f], err = r.copy(ctx, f, filepath.Base(f)); err != nil {
			return c, nil, err
		}
		files[i] = names[f]
	}
	dir := c.Dir
	if dir != "" {
		if c.Dir, err = r.folder(ctx, dir); err != nil {
			return c, nil, err
		}
		names[dir] = c.Dir
	}
	var sockets [][2]string
	for i, arg := range args {
		if to, ok := names[arg]; ok {
			args[i] = to
		} else if dir != "" && below(dir, arg) {
			args[i] = path.Join(c.Dir, strings.TrimPrefix(arg, dir))
			if strings.HasSuffix(arg, socketSuffix) {
				sockets = append(sockets, [2]string{arg, args[i]})
			}
		}
	}
	c.Args, c.Files = args, files
	undo, err = r.forward(ctx, sockets)
	return c, undo, err
}

func below(dir, name string) bool {
	return dir != "" && strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

// socketSuffix is how an argument below Dir is known for a socket that the program listens on.
const socketSuffix = ".sock"

// forward makes sockets here lead to sockets there, which need not be there yet.
func (r *Remote) forward(ctx context.Context, sockets [][2]string) (undo func(), err error) {
	var done []string
	undo = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		for _, way := range done {
			_ = r.control(ctx, "cancel", way) // the connection's end ends it at the latest
		}
	}
	for _, s := range sockets {
		way := s[0] + ":" + s[1]
		if err := r.control(ctx, "forward", way); err != nil {
			undo()
			return nil, err
		}
		done = append(done, way)
	}
	return undo, nil
}

// control asks something about a forwarded socket of the connection itself.
func (r *Remote) control(ctx context.Context, what, way string) error {
	cmd := exec.CommandContext(ctx, r.ssh, append(slices.Clone(through), "-O", what, "-L", way, "--", r.Target)...)
	cmd.Dir, cmd.SysProcAttr = r.dir, ownGroup()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("host %q: %s %s: %w", r.Target, what, way, whyOf(ctx, withWords(err, string(out))))
	}
	return nil
}
