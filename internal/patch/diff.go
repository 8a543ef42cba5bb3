package patch

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"strix-build/internal/diag"
)

// gitHeader begins each file of a git-format diff. Lines inside a hunk begin with ' ', '+', '-' or '\', so this text
// at the start of a line is always a header.
var gitHeader = []byte("diff --git ")

// parserLine is how go-gitdiff says where it stopped.
var parserLine = regexp.MustCompile(`^gitdiff: line (\d+): `)

// Normalise rewrites a git-format diff so that equal changes have equal bytes: mail header, signature, index lines
// and everything else between the files are dropped, line ends of the diff itself become LF, and headers are printed
// in one way. Hunks stay as they are, and so do carriage returns that belong to the patched file. Normalising twice
// changes nothing. The error is a *diag.Error with the line; it judges form only, [Check] judges content.
func Normalise(data []byte) ([]byte, error) {
	files, lines, list := parse("", data)
	if err := list.Err(); err != nil {
		return nil, err
	}
	out, list := normal("", files, lines)
	return out, list.Err()
}

// normal prints parsed files and reads them back. Headers that contradict each other, say a new file with an old
// name, come back as something else or not at all; git would read them in yet another way, so they are refused.
func normal(name string, files []*gitdiff.File, lines []int) ([]byte, diag.List) {
	out := format(files)
	again, _, list := parse(name, out)
	if len(list) == 0 && bytes.Equal(format(again), out) {
		return out, nil
	}
	list = nil
	for i, f := range files {
		text := []byte(f.String())
		again, _, bad := parse(name, text)
		if len(bad) > 0 || !bytes.Equal(format(again), text) {
			list.Add(diag.Pos{File: name, Line: lines[i]}, "", "not a usable diff: the headers of %s contradict each other", describe(f))
		}
	}
	if len(list) == 0 {
		list.Add(diag.Pos{File: name, Line: 1}, "", "not a usable diff: its files cannot be told apart")
	}
	return nil, list
}

// parse returns the diff's files and the line of each one's header. Only git's own format is read: what "diff -u"
// writes has no modes and leaves to guesswork how many leading folders to strip.
func parse(name string, data []byte) ([]*gitdiff.File, []int, diag.List) {
	var list diag.List
	data = unixLines(data)
	files, _, err := gitdiff.Parse(bytes.NewReader(data))
	if err != nil {
		list.Add(parserPos(name, data, err), "a hunk whose header counts other lines than follow was cut off or edited by hand",
			"not a usable diff: %s", parserLine.ReplaceAllString(err.Error(), ""))
		return nil, nil, list
	}
	lines := headerLines(data)
	if len(files) != len(lines) {
		list.Add(diag.Pos{File: name, Line: 1}, `write patches with "git format-patch" or "git diff"`,
			`%d changed files, but %d "diff --git" headers`, len(files), len(lines))
		return nil, nil, list
	}
	for _, f := range files {
		settle(f)
	}
	return files, lines, list
}

// settle drops what depends on the repository the diff was made in. The index line also carries the mode of a file
// that keeps it: where that is no plain file's it is written out, so that the normalised diff still shows it.
func settle(f *gitdiff.File) {
	f.OldOIDPrefix, f.NewOIDPrefix = "", ""
	if f.NewMode == 0 && !f.IsDelete && !plain(f.OldMode) {
		f.NewMode = f.OldMode
	}
	if f.NewMode == 0 && !f.IsDelete {
		f.OldMode = 0
	}
	for _, frag := range f.TextFragments {
		frag.Comment = strings.TrimSpace(strings.ReplaceAll(frag.Comment, "\r", ""))
	}
}

// plain reports whether a mode is that of an ordinary file, or not stated.
func plain(mode os.FileMode) bool { return mode == 0 || mode == 0o100644 || mode == 0o100755 }

func format(files []*gitdiff.File) []byte {
	var b bytes.Buffer
	for _, f := range files {
		b.WriteString(f.String())
	}
	return b.Bytes()
}

// unixLines undoes an editor or mail program that ended all lines with CRLF. Headers never end in a carriage
// return, so they tell that case from a patch to a file that has CRLF itself.
func unixLines(data []byte) []byte {
	at := headerOffset(data, 0)
	if at < 0 {
		return data
	}
	line, _, _ := bytes.Cut(data[at:], []byte("\n"))
	if !bytes.HasSuffix(line, []byte("\r")) {
		return data
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
}

// headerLines returns the line numbers, from 1, of the "diff --git" headers.
func headerLines(data []byte) []int {
	var lines []int
	line, from := 1, 0
	for at := headerOffset(data, 0); at >= 0; at = headerOffset(data, at+1) {
		line += bytes.Count(data[from:at], []byte("\n"))
		from = at
		lines = append(lines, line)
	}
	return lines
}

// headerOffset finds the next header at or after from, or -1.
func headerOffset(data []byte, from int) int {
	for {
		at := bytes.Index(data[from:], gitHeader)
		if at < 0 {
			return -1
		}
		at += from
		if at == 0 || data[at-1] == '\n' {
			return at
		}
		from = at + 1
	}
}

// parserPos takes the place from the parser's message; where the diff ended too early it is one line too far.
func parserPos(name string, data []byte, err error) diag.Pos {
	pos := diag.Pos{File: name}
	if m := parserLine.FindStringSubmatch(err.Error()); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
	}
	last := bytes.Count(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) + 1
	pos.Line = min(pos.Line, last)
	return pos
}

// Hunk finds the hunk that git apply means by "patch failed: PATH:LINE". The index counts the hunks of that path
// from 1; header is the hunk's first line.
func (f File) Hunk(path string, oldLine int) (index int, header string, ok bool) {
	files, _, _ := parse(f.Name, f.Data)
	for _, file := range files {
		if file.OldName != path && file.NewName != path {
			continue
		}
		for _, frag := range file.TextFragments {
			index++
			if frag.OldPosition == int64(oldLine) {
				return index, frag.Header(), true
			}
		}
	}
	return 0, "", false
}

// describe names a change for messages.
func describe(f *gitdiff.File) string {
	name := f.NewName
	if f.IsDelete || name == "" {
		name = f.OldName
	}
	return fmt.Sprintf("%q", name)
}
