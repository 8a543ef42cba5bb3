// Package diag holds positions and problem lists of text files and prints them with a snippet.
//
// It does not know YAML, recipes or BuildKit: callers say where a problem is and what it is.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a text file. Line and Col count from 1, Col in characters; 0 means unknown.
type Pos struct {
	File string // as shown to the user, e.g. recipes/rocm-mmq.yaml
	Line int
	Col  int
}

// String returns file:line:col. Parts that are unknown are left out; nothing known is "".
func (p Pos) String() string {
	parts := make([]string, 0, 3)
	if p.File != "" {
		parts = append(parts, p.File)
	}
	if p.Line > 0 {
		parts = append(parts, strconv.Itoa(p.Line))
		if p.Col > 0 {
			parts = append(parts, strconv.Itoa(p.Col))
		}
	}
	return strings.Join(parts, ":")
}

// IsZero reports whether nothing is known about the place.
func (p Pos) IsZero() bool { return p == Pos{} }

// Problem is one thing wrong at one place.
type Problem struct {
	Pos  Pos
	Msg  string // lower case, no full stop, operands quoted
	Hint string // optional: what the reader can do
}

// String returns file:line:col: message, without the hint.
func (p Problem) String() string {
	if at := p.Pos.String(); at != "" {
		return at + ": " + p.Msg
	}
	return p.Msg
}

// List collects problems, so that a reader sees all of them at once.
type List []Problem

// Add appends one problem; hint may be "".
func (l *List) Add(pos Pos, hint, format string, a ...any) {
	*l = append(*l, Problem{Pos: pos, Msg: fmt.Sprintf(format, a...), Hint: hint})
}

// Sorted returns a copy ordered by file, line and column; problems of one place keep their order.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return out
}

// Err returns the sorted problems as an *Error, or nil when there is none.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return &Error{Problems: l.Sorted()}
}

// Error is a list of problems on its way to the user. Sources maps Pos.File to the file's text, for the
// snippets of Print; a file that is missing there is printed without one.
type Error struct {
	Problems List
	Sources  map[string][]byte
	Cause    error // optional, for errors.Is; not printed
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Error returns one line per problem: file:line:col: message.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// AddSource keeps a file's text for the snippets.
func (e *Error) AddSource(file string, text []byte) {
	if e.Sources == nil {
		e.Sources = map[string][]byte{}
	}
	e.Sources[file] = text
}

// Fill reads the files that problems point at and that have no source yet. What cannot be read is left out:
// the snippet is a courtesy, the message stands without it.
func (e *Error) Fill(fsys fs.FS) {
	for _, p := range e.Problems {
		if _, ok := e.Sources[p.Pos.File]; ok || !fs.ValidPath(p.Pos.File) {
			continue
		}
		if text, err := fs.ReadFile(fsys, p.Pos.File); err == nil {
			e.AddSource(p.Pos.File, text)
		}
	}
}

// At gives the problems of err that have no place yet the place pos: a loader does not know which line of which
// file asked for what it loads, its caller does. Errors of other kinds are returned as they are.
func At(err error, pos Pos) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Problems = slices.Clone(e.Problems)
	for i := range out.Problems {
		if out.Problems[i].Pos.IsZero() {
			out.Problems[i].Pos = pos
		}
	}
	return &out
}
