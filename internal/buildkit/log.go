package buildkit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// openLog starts a new log and keeps the one before.
func (p *process) openLog() (*os.File, error) {
	if err := os.Rename(p.logFile(), p.logFile()+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(p.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// explain adds the end of the daemon's log and the next step to a failed start.
func (p *process) explain(err error) error {
	err = fmt.Errorf("start %q: %w", p.binary, err)
	tail, readErr := tailOf(p.logFile(), 2<<10)
	if readErr != nil || tail == "" {
		return err
	}
	err = fmt.Errorf("%w\nend of %q:\n%s", err, p.logFile(), tail)
	switch {
	case strings.Contains(tail, "another instance running"):
		return hint(err, fmt.Sprintf("another buildkitd uses %q; end it, then run again", p.root()))
	case strings.Contains(tail, "no space left on device"):
		return hint(err, fmt.Sprintf("free some space on the disk of %q", p.root()))
	case strings.Contains(tail, "newuidmap") || strings.Contains(tail, "subuid"):
		return hint(err, "give the user a range in /etc/subuid and /etc/subgid, or run it through sudo")
	}
	return hint(err, "the whole log is in "+p.logFile())
}

// tailOf returns the last whole lines of a file, at most n bytes.
func tailOf(path string, n int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	data := make([]byte, min(n, size))
	if _, err := f.ReadAt(data, size-int64(len(data))); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	text := string(data)
	if size > n {
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(text), nil
}
