// Package progress shows many solves and client-side steps in one display.
//
// BuildKit's progressui does the drawing, so it looks and is switched as with
// docker build. The display writes only to the writer it is given, and it lives
// until Close: a cancelled build still prints its end. It does not know what a
// build is, starts nothing, and does not judge what it shows.
package progress

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"
)

// EnvMode is BuildKit's own variable for the mode of the display.
const EnvMode = "BUILDKIT_PROGRESS"

// Modes returns the words that name a display, as docker build knows them.
func Modes() []string {
	return []string{
		string(progressui.AutoMode), string(progressui.TtyMode), string(progressui.PlainMode),
		string(progressui.QuietMode), string(progressui.RawJSONMode),
	}
}

// Mode returns the mode that the flag asks for, else the environment, else auto.
func Mode(flag string, env func(string) string) (string, error) {
	mode, from := flag, "--progress"
	if mode == "" {
		mode, from = env(EnvMode), "$"+EnvMode
	}
	if mode == "" {
		return string(progressui.AutoMode), nil
	}
	if !slices.Contains(Modes(), mode) {
		return "", fmt.Errorf("%s %q: not one of %s", from, mode, strings.Join(Modes(), ", "))
	}
	return mode, nil
}

// Display is one display for everything that goes on. All methods may be called
// from many goroutines; after Close, what they are given is shown no more.
type Display struct {
	updates chan *client.SolveStatus
	printed chan struct{} // closed when everything is printed

	mu     sync.Mutex
	closed bool
	feeds  int
	steps  int
	claims claims
	logs   map[digest.Digest]*tail
}

// New starts a display on w in one of the [Modes], of what is going on in a word, such as Building; a terminal shows it. Mode "tty" is an
// error when w is not a terminal.
func New(w io.Writer, mode, phase string) (*Display, error) {
	ui, err := progressui.NewDisplay(w, progressui.DisplayMode(mode), progressui.WithPhase(phase))
	if err != nil {
		if mode == string(progressui.TtyMode) {
			return nil, fmt.Errorf("progress mode %q: the output is not a terminal", mode)
		}
		return nil, fmt.Errorf("progress mode %q: %w", mode, err)
	}
	d := &Display{
		updates: make(chan *client.SolveStatus),
		printed: make(chan struct{}),
		claims:  make(claims),
		logs:    make(map[digest.Digest]*tail),
	}
	go func() {
		defer close(d.printed)
		// Never cancelled, so that it ends only with the channel, and without error.
		_, _ = ui.UpdateFrom(context.Background(), d.updates)
	}()
	return d, nil
}

// Close waits until all is printed. It may be called more than once.
func (d *Display) Close() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.updates)
	}
	d.mu.Unlock()
	<-d.printed
}

// Feed runs solve with a status channel and shows what comes through it. As
// client.Solve closes the channel it is given, each solve needs one of its own.
// When Feed returns, everything the solve said has been handed to the display.
func (d *Display) Feed(solve func(status chan *client.SolveStatus) error) error {
	feed := d.newFeed()
	status := make(chan *client.SolveStatus)
	solved, forwarded := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(forwarded)
		d.forward(feed, status, solved)
	}()
	defer func() {
		close(solved)
		<-forwarded
		d.endFeed(feed)
	}()
	return solve(status)
}

// forward ends when status is closed, or when the solve returned without closing it.
func (d *Display) forward(feed int, status <-chan *client.SolveStatus, solved <-chan struct{}) {
	for {
		select {
		case ss, ok := <-status:
			if !ok {
				return
			}
			d.show(feed, ss)
		case <-solved:
			return
		}
	}
}

func (d *Display) newFeed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.feeds++
	return d.feeds
}

func (d *Display) endFeed(feed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claims.release(feed)
}

// show hands on what no other feed has shown.
func (d *Display) show(feed int, ss *client.SolveStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ss = d.claims.filter(feed, ss)
	if ss == nil {
		return
	}
	for _, l := range ss.Logs {
		d.keep(l)
	}
	if !d.closed {
		d.updates <- ss
	}
}
