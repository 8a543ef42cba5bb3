package version

import (
	"fmt"
	"strings"
)

// Window is a range of build numbers, e.g. ">=b8850 <b9992". The zero Window holds every build. Two windows that
// hold the same builds are equal (==), but a window that was written down is never the zero Window.
type Window struct {
	lo, hi Build // lo inclusive, at least 1 where parsed; hi exclusive, 0 means open
}

// operators are tried in this order: the longer ones first.
var operators = []string{">=", "<=", ">", "<", "="}

// ParseWindow reads terms separated by spaces, each one of >=, >, <, <=, = and a build number. All must hold. A
// window that holds no build, or has no term, is an error.
func ParseWindow(s string) (Window, error) {
	terms := strings.Fields(s)
	if len(terms) == 0 {
		return Window{}, fmt.Errorf("window %q has no term; write e.g. \">=b8850 <b9992\"", s)
	}
	w := Window{lo: 1} // builds count from 1
	for _, term := range terms {
		lo, hi, err := parseTerm(term)
		if err != nil {
			return Window{}, fmt.Errorf("window %q: %w", s, err)
		}
		w.lo = max(w.lo, lo)
		if hi != 0 && (w.hi == 0 || hi < w.hi) {
			w.hi = hi
		}
	}
	if w.hi != 0 && w.lo >= w.hi {
		return Window{}, fmt.Errorf("window %q holds no build: it begins at %s and ends before %s", s, w.lo, w.hi)
	}
	return w, nil
}

func parseTerm(term string) (lo, hi Build, err error) {
	for _, op := range operators {
		number, ok := strings.CutPrefix(term, op)
		if !ok {
			continue
		}
		if number == "" {
			return 0, 0, fmt.Errorf("%q has no build number; write it without a space: %sb9909", term, op)
		}
		b, err := ParseBuild(number)
		if err != nil {
			return 0, 0, err
		}
		lo, hi = bounds(op, b)
		return lo, hi, nil
	}
	return 0, 0, fmt.Errorf("%q begins with none of >=, >, <, <=, =", term)
}

func bounds(op string, b Build) (lo, hi Build) {
	switch op {
	case ">=":
		return b, 0
	case ">":
		return b + 1, 0
	case "<":
		return 0, b
	case "<=":
		return 0, b + 1
	default:
		return b, b + 1
	}
}

// Contains reports whether b lies in the window.
func (w Window) Contains(b Build) bool { return b >= w.lo && (w.hi == 0 || b < w.hi) }

// IsZero reports whether no window was given.
func (w Window) IsZero() bool { return w == Window{} }

// Overlaps reports whether some build lies in both windows.
func (w Window) Overlaps(o Window) bool {
	return (w.hi == 0 || o.lo < w.hi) && (o.hi == 0 || w.lo < o.hi)
}

// Covers reports whether every build of o lies in w.
func (w Window) Covers(o Window) bool {
	return w.Lo() <= o.Lo() && (w.hi == 0 || o.hi != 0 && o.hi <= w.hi)
}

// Lo returns the first build of the window: b1 where it is open downwards.
func (w Window) Lo() Build { return max(w.lo, 1) }

// Hi returns the first build after the window; 0 when it is open upwards.
func (w Window) Hi() Build { return w.hi }

// Equal reports whether both windows hold the same builds.
func (w Window) Equal(o Window) bool { return w == o }

// String returns the one canonical form: ">=b8850 <b9992", "=b9909", "" for the zero Window.
func (w Window) String() string {
	switch {
	case w.hi == 0 && w.lo == 0:
		return ""
	case w.hi == 0:
		return ">=" + w.lo.String()
	case w.lo+1 == w.hi:
		return "=" + w.lo.String()
	case w.lo <= 1:
		return "<" + w.hi.String()
	}
	return ">=" + w.lo.String() + " <" + w.hi.String()
}

// UnmarshalText reads what ParseWindow reads.
func (w *Window) UnmarshalText(text []byte) error {
	parsed, err := ParseWindow(string(text))
	if err == nil {
		*w = parsed
	}
	return err
}

// MarshalText writes String.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// Pattern is the regular expression of the written form, for JSON schemas.
func (Window) Pattern() string {
	const term = `(>=|>|<=|<|=)b?[1-9][0-9]{0,8}`
	return `^ *` + term + `( +` + term + `)* *$`
}
