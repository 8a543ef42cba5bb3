package diag

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// snippetWidth is the number of characters of a source line that Print shows; a longer line is cut around the
// place, so that a problem in a line of a megabyte stays readable.
const snippetWidth = 120

// Print writes each problem with its source line, a marker under the place, and its hint:
//
//	recipes/rocm-mmq.yaml:7:1: unknown key "patchs"; did you mean "patches"?
//	  |
//	7 | patchs: [mmq-gfx1151]
//	  | ^~~~~~
//	hint: …
//
// A problem at the same place as the one before it does not repeat the line.
//
// Control characters of the source are shown as spaces: a broken file must not reach the terminal raw.
func (e *Error) Print(w io.Writer) {
	for i, p := range e.Problems {
		fmt.Fprintln(w, p)
		text, ok := e.Sources[p.Pos.File]
		if again := i > 0 && e.Problems[i-1].Pos == p.Pos; ok && !again {
			printSnippet(w, p.Pos, text)
		}
		if p.Hint != "" {
			fmt.Fprintln(w, "hint:", p.Hint)
		}
	}
}

func printSnippet(w io.Writer, pos Pos, text []byte) {
	line, ok := sourceLine(text, pos.Line)
	if !ok || len(line) == 0 {
		return
	}
	marked := pos.Col > 0 && pos.Col <= len(line)+1
	line, col := clip(line, max(0, min(pos.Col-1, len(line))))
	number := strconv.Itoa(pos.Line)
	margin := strings.Repeat(" ", len(number))
	fmt.Fprintf(w, "%s |\n", margin)
	fmt.Fprintf(w, "%s | %s\n", number, strings.TrimRight(string(line), " "))
	if marked {
		fmt.Fprintf(w, "%s | %s%s\n", margin, strings.Repeat(" ", col), marker(line[col:]))
	}
}

// sourceLine returns line n (from 1) as printable characters.
func sourceLine(text []byte, n int) ([]rune, bool) {
	if n < 1 {
		return nil, false
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for ; n > 1; n-- {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return nil, false
		}
		text = text[end+1:]
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	runes := []rune(string(bytes.TrimSuffix(line, []byte("\r"))))
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	return runes, true
}

// clip cuts a long line to snippetWidth around col (from 0) and returns the column in the cut line.
func clip(line []rune, col int) ([]rune, int) {
	if len(line) <= snippetWidth {
		return line, col
	}
	start := max(0, min(col-snippetWidth/2, len(line)-snippetWidth))
	out := append([]rune{}, line[start:start+snippetWidth]...)
	if start > 0 {
		out[0] = '…'
	}
	if start+snippetWidth < len(line) {
		out[len(out)-1] = '…'
	}
	return out, col - start
}

// marker underlines the word or the quoted text at the start of rest.
func marker(rest []rune) string {
	n := 0
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		if n = 2 + slices.Index(rest[1:], rest[0]); n == 1 {
			n = len(rest) // never closed in this line
		}
	}
	for n < len(rest) && !unicode.IsSpace(rest[n]) && !strings.ContainsRune(",[]{}", rest[n]) {
		n++
	}
	if n > 1 && rest[n-1] == ':' {
		n-- // of a key
	}
	return "^" + strings.Repeat("~", max(0, n-1))
}
