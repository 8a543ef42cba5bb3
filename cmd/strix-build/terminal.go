package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Widths of drawings, in columns.
const (
	plainWidth = 80 // where nobody says
	minWidth   = 40
	maxWidth   = 240
)

// width is how many columns w has: the terminal's, else $COLUMNS, else 80.
func (a *app) width(w io.Writer) int {
	n := 0
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			n = int(size.Col)
		}
	}
	if n == 0 {
		n, _ = strconv.Atoi(a.getenv("COLUMNS", ""))
	}
	if n <= 0 {
		n = plainWidth
	}
	return min(max(n, minWidth), maxWidth)
}

// utf8 reports whether the locale's characters are UTF-8.
func (a *app) utf8() bool {
	locale := a.getenv("LC_ALL", a.getenv("LC_CTYPE", a.getenv("LANG", "")))
	locale = strings.ToLower(strings.ReplaceAll(locale, "-", ""))
	return strings.HasSuffix(locale, "utf8") || strings.Contains(locale, "utf8@")
}
