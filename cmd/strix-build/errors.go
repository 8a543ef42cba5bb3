package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"

	"strix-build/internal/build"
	"strix-build/internal/buildkit"
	"strix-build/internal/diag"
	"strix-build/internal/printable"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // build, network or internal
	exitUsage       = 2 // bad recipe, patch set, lock or flags
	exitRefused     = 3 // the gate refused
	exitInterrupted = 130
)

// refusedError says that the gate refused: what was asked for ran, and did not pass.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// statusError is the status of a program that was run for the user: nothing is to be said of it.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func usage(format string, args ...any) error {
	return &build.UsageError{Text: fmt.Sprintf(format, args...)}
}

// reportError prints err for people and returns the exit code. File problems come with their snippet, a failed step with
// the YAML line that asked for it.
func reportError(w io.Writer, err error, fsys fs.FS) int {
	if err == nil {
		return exitDone
	}
	if many := joined(err); many != nil {
		code := exitDone
		for _, e := range many {
			code = max(code, reportError(w, e, fsys))
		}
		return code
	}
	return reportOne(w, err, fsys)
}

// joined are the errors that errors.Join put together. An error of several causes that has a text of its own (the
// attempts at finding a builder) stays one.
func joined(err error) []error {
	many, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // what err itself is, not what it wraps
	if !ok || errors.Join(many.Unwrap()...).Error() != err.Error() {
		return nil
	}
	return many.Unwrap()
}

func reportOne(w io.Writer, err error, fsys fs.FS) int {
	if errors.Is(err, errInterrupted) {
		fmt.Fprintln(w, "strix-build: interrupted")
		return exitInterrupted
	}
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	var problems *diag.Error
	if errors.As(err, &problems) {
		if fsys != nil {
			problems.Fill(fsys)
		}
		prefixed(problems).Print(w)
		return exitUsage
	}
	fmt.Fprintf(w, "strix-build: %s\n", text(err))
	for _, s := range errdefs.Sources(err) {
		_ = s.Print(w)
	}
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", printable.Text(hint))
	}
	var u *build.UsageError
	if errors.As(err, &u) {
		return exitUsage
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		return exitRefused
	}
	return exitFailed
}

// prefixed says who speaks where a problem has no file to begin with.
func prefixed(e *diag.Error) *diag.Error {
	out := *e
	out.Problems = slices.Clone(e.Problems)
	for i := range out.Problems {
		if out.Problems[i].Pos.IsZero() {
			out.Problems[i].Msg = "strix-build: " + out.Problems[i].Msg
		}
	}
	return &out
}

func hintOf(err error) string {
	var h *build.HintError
	if errors.As(err, &h) {
		return h.Hint
	}
	return buildkit.Hint(err)
}

// text drops what BuildKit's transport puts around a message, and what would do something to a terminal: others wrote part of it.
func text(err error) string {
	s := err.Error()
	for _, noise := range []string{"rpc error: code = Unknown desc = ", "failed to solve: ", "process \"/dev/.buildkit_qemu_emulator\" "} {
		s = strings.ReplaceAll(s, noise, "")
	}
	return printable.Text(strings.TrimSpace(s))
}
