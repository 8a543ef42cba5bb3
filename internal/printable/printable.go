// Package printable makes text that somebody else wrote safe to show: what a registry answers, what a document says. It cannot move the cursor, colour,
// hide or turn round what stands beside it, nor look like a line of its own.
//
// It does not judge what a text says, and is not for programs: JSON has escapes of its own.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is s on one line: what is not printable is written as %q writes it, line breaks too.
func Line(s string) string { return clean(s, "") }

// Text is Line, but for line breaks and tabs, which stay.
func Text(s string) string { return clean(s, "\n\t") }

// OneLine reports whether s says something, on one line, that can be shown as it is.
func OneLine(s string) bool { return strings.TrimSpace(s) != "" && Line(s) == s }

func clean(s, kept string) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)): // a byte that is no UTF-8
			quoted := strconv.Quote(s[i : i+1])
			out.WriteString(quoted[1 : len(quoted)-1])
		case unicode.IsPrint(r), strings.ContainsRune(kept, r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}
