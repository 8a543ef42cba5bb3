package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"strconv"
	"sync"

	"strix-build/internal/program"
)

// meter counts what a program prints, and ends it where that is too much. It also keeps the two streams from one writer at the
// same time.
type meter struct {
	mu    sync.Mutex
	limit int64 // 0: none
	left  int64
	end   context.CancelCauseFunc
}

func newMeter(limit int64, end context.CancelCauseFunc) *meter {
	left := limit
	if limit == 0 {
		left = math.MaxInt64
	}
	return &meter{limit: limit, left: left, end: end}
}

// stream is w behind the meter. A file that nothing limits is given to the program itself.
func (m *meter) stream(w io.Writer) io.Writer {
	if _, file := w.(*os.File); w == nil || file && m.limit == 0 {
		return w
	}
	return &metered{m, w}
}

type metered struct {
	*meter
	to io.Writer
}

func (w *metered) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left -= int64(len(p)); w.left < 0 {
		w.end(&program.LimitError{Limit: w.limit})
		return len(p), nil // until it has ended
	}
	return w.to.Write(p)
}

// ending takes what guard.sh and [Inside] say at a program's end out of what the program itself says: all that comes after a
// NUL and the mark.
type ending struct {
	to   io.Writer // nil: nobody listens
	mark string
	held []byte // what is the mark's beginning, or may be; once it is, all that follows
}

func (e *ending) Write(p []byte) (int, error) {
	e.held = append(e.held, p...)
	start := append([]byte{0}, e.mark...)
	for {
		i := bytes.IndexByte(e.held, 0)
		if i < 0 {
			i = len(e.held)
		}
		if err := e.pass(i); err != nil {
			return 0, err
		}
		if len(e.held) == 0 || bytes.HasPrefix(start, e.held) || bytes.HasPrefix(e.held, start) {
			return len(p), nil
		}
		if err := e.pass(1); err != nil {
			return 0, err
		}
	}
}

// pass lets n bytes of what is held go on.
func (e *ending) pass(n int) error {
	said := e.held[:n]
	e.held = e.held[n:]
	if e.to == nil || n == 0 {
		return nil
	}
	_, err := e.to.Write(said)
	return err
}

// said are what stands behind each mark.
func (e *ending) said() [][]byte {
	var out [][]byte
	for _, part := range bytes.Split(e.held, []byte{0}) {
		if text, ok := bytes.CutPrefix(part, []byte(e.mark+" ")); ok {
			text, _, _ = bytes.Cut(text, []byte("\n"))
			out = append(out, text)
		}
	}
	return out
}

// status is the program's, as guard.sh says it.
func (e *ending) status() (status int, ok bool) {
	for _, text := range e.said() {
		if n, err := strconv.Atoi(string(text)); err == nil {
			status, ok = n, true
		}
	}
	return status, ok
}

// used is what Inside says the program used.
func (e *ending) used() program.Usage {
	for _, text := range e.said() {
		var u program.Usage
		if json.Unmarshal(text, &u) == nil {
			return u
		}
	}
	return program.Usage{}
}
