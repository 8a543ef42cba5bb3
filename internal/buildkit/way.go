package buildkit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
)

// way is one way to get at a builder. To add one: write its look function in a
// file of its own and put it into allWays at the place where it should be tried.
type way struct {
	name  string // what --builder takes
	title string // what an attempt is called in an error
	// look says whether this way is open, or why it is not. It starts nothing.
	look func(ctx context.Context, h *host) (*offer, error)
}

// offer is a way that is open.
type offer struct {
	how     string // one line for people
	address string
	hint    string // the next step when it does not answer; may be empty
	dial    func(ctx context.Context) (*client.Client, error)
	// daemon is set when this program starts and stops the builder.
	daemon daemon
	// check refuses a builder that answered but is of no use here; may be nil.
	check func(*Builder) error
}

// daemon is a builder that this program starts and stops.
type daemon interface {
	// dir is where the lock files of all its users are.
	dir() string
	// ensure makes it run and answer; alone says that no other process uses it now.
	ensure(ctx context.Context, alone bool) error
	// stop ends it and whatever it left behind; it is no error when it does not run.
	stop(ctx context.Context) error
	// pid is the daemon's process, 0 when it does not run.
	pid(ctx context.Context) int
	// root is the folder of its cache, empty when it is not on this machine's disk.
	root() string
	logFile() string
}

func allWays() []way {
	return []way{
		{"container", "container " + containerName, lookRunning},
		{"docker", "docker's embedded BuildKit", lookEmbedded},
		{"image", "container from an image", lookImage},
		{"own", "own buildkitd", lookOwn},
	}
}

// Ways returns the names of the ways that Options.Address takes besides a URL, in the order they are tried.
func Ways() []string {
	var names []string
	for _, w := range allWays() {
		names = append(names, w.name)
	}
	return names
}

// ways returns what Connect tries: only what the user named, else everything in order.
func (h *host) ways() ([]way, error) {
	asked, from := h.Address, "--builder"
	if asked == "" {
		asked, from = h.env(EnvHost), "$"+EnvHost
	}
	if asked == "" {
		return allWays(), nil
	}
	for _, w := range allWays() {
		if w.name == asked {
			return []way{w}, nil
		}
	}
	if !strings.Contains(asked, "://") {
		return nil, noAddress(from, asked)
	}
	return []way{{"address", fmt.Sprintf("%s %q", from, asked), lookAddress(asked)}}, nil
}

// checkAddress reports what is wrong with the form of an address, before anything is made for a build.
func checkAddress(from, asked string) error {
	if slices.Contains(Ways(), asked) {
		return nil
	}
	if !strings.Contains(asked, "://") {
		return noAddress(from, asked)
	}
	u, err := parseAddress(asked)
	if err == nil && u.Scheme == "tcp" {
		_, err = secured(u)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", from, asked, err)
	}
	return nil
}

func noAddress(from, asked string) error {
	return hint(fmt.Errorf("%s %q: neither an address nor one of %s", from, asked, strings.Join(Ways(), ", ")),
		"an address looks like unix:///run/buildkit/buildkitd.sock")
}

// Attempt is one way that was tried and why it did not work.
type Attempt struct {
	Way string
	Err error
}

// NoBuilderError says that no builder was found; its text has one line for each attempt.
type NoBuilderError struct {
	Attempts []Attempt
}

func (e *NoBuilderError) Error() string {
	if len(e.Attempts) == 1 {
		return fmt.Sprintf("no builder: %s: %v", e.Attempts[0].Way, e.Attempts[0].Err)
	}
	var s strings.Builder
	s.WriteString("no builder found; tried")
	for _, a := range e.Attempts {
		text := strings.ReplaceAll(a.Err.Error(), "\n", "\n    ")
		fmt.Fprintf(&s, "\n  %s: %s", a.Way, text)
	}
	return s.String()
}

// Unwrap gives errors.Is and errors.As the errors of all attempts.
func (e *NoBuilderError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// hinted is an error with the next step for the person who reads it.
type hinted struct {
	error
	next string
}

func (e *hinted) Unwrap() error { return e.error }

func hint(err error, next string) error { return &hinted{err, next} }

// Hint returns the one step that helps with err, or "". Of several attempts the
// last one counts: it is the way that needs the least set-up.
func Hint(err error) string {
	var none *NoBuilderError
	if errors.As(err, &none) {
		for _, a := range slices.Backward(none.Attempts) {
			if next := Hint(a.Err); next != "" {
				return next
			}
		}
		return ""
	}
	var h *hinted
	if errors.As(err, &h) {
		return h.next
	}
	return ""
}
