package patch

import (
	"bytes"
	"slices"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// image is a file's text as lines, each with its line end; the last may have none. Hunks change it one after the other.
type image []line

type line struct {
	text  []byte
	fresh bool // a hunk of this patch put it there, so no later hunk may match it
}

func newImage(data []byte) image {
	const room = 64 // most patches add fewer lines than that
	img := make(image, 0, bytes.Count(data, []byte("\n"))+room)
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		img = append(img, line{text: data[:end]})
		data = data[end:]
	}
	return img
}

func (img image) bytes() []byte {
	var b bytes.Buffer
	size := 0
	for _, l := range img {
		size += len(l.text)
	}
	b.Grow(size)
	for _, l := range img {
		b.Write(l.text)
	}
	return b.Bytes()
}

// hunk is a fragment in the direction it is applied in.
type hunk struct {
	header     string
	oldAt      int // line numbers of the header, from 1; 0 where there are no lines
	newAt      int
	old, new   [][]byte
	begin, end bool // it belongs at the beginning or the end of the file
}

// newHunk turns a fragment over where it is to be taken back.
func newHunk(f *gitdiff.TextFragment, reverse bool) hunk {
	h := hunk{header: f.Header(), oldAt: int(f.OldPosition), newAt: int(f.NewPosition)}
	for _, l := range f.Lines {
		if l.Old() {
			h.old = append(h.old, []byte(l.Line))
		}
		if l.New() {
			h.new = append(h.new, []byte(l.Line))
		}
	}
	h.end = f.TrailingContext == 0
	if reverse {
		h = h.reversed()
	}
	h.begin = h.oldAt <= 1
	return h
}

func (h hunk) reversed() hunk {
	h.oldAt, h.newAt, h.old, h.new = h.newAt, h.oldAt, h.new, h.old
	h.begin = h.oldAt <= 1
	return h
}

// at is the index of the line where a hunk says that it belongs.
func (h hunk) at() int { return max(0, h.newAt-1) }

// find returns the index of the line where git apply puts the hunk, or -1. It looks where the hunk says, then one line
// on, one line back, two lines on and so forth. A hunk that begins at line 1 belongs to the beginning, one without
// context behind its changes to the end, and nowhere else.
func (img image) find(h hunk) int {
	at := h.at()
	switch {
	case h.begin:
		at = 0
	case h.end:
		at = len(img) - len(h.old)
	}
	if at < 0 || at > len(img) {
		at = len(img)
	}
	if img.matches(h, at) {
		return at
	}
	if h.begin || h.end {
		return -1
	}
	for back, on := at, at; back > 0 || on < len(img); {
		if on < len(img) {
			if on++; img.matches(h, on) {
				return on
			}
		}
		if back > 0 {
			if back--; img.matches(h, back) {
				return back
			}
		}
	}
	return -1
}

// matches reports whether the hunk's old lines stand at index at.
func (img image) matches(h hunk, at int) bool {
	n := len(h.old)
	if at+n > len(img) || h.end && at+n != len(img) || h.begin && at != 0 {
		return false
	}
	exact := true
	for i, l := range h.old {
		have := img[at+i]
		if have.fresh {
			return false
		}
		if !bytes.Equal(have.text, l) {
			// two lines with their line ends differ for good; sameInk is dear and hardly ever asked
			if exact && ended(have.text) && ended(l) || !sameInk(have.text, l) {
				return false
			}
			exact = false
		}
	}
	return exact || img.runsInto(h, at)
}

func ended(line []byte) bool { return len(line) > 0 && line[len(line)-1] == '\n' }

// runsInto is git's answer for lines that differ in white space only. It compares the text as a whole, not by line, so
// that an old line without a line end also matches the beginning of one that has more behind it.
func (img image) runsInto(h hunk, at int) bool {
	have, old := img[at:].bytes(), bytes.Join(h.old, nil)
	if h.end {
		return bytes.Equal(have, old)
	}
	return bytes.HasPrefix(have, old)
}

// sameInk compares two lines without their white space.
func sameInk(a, b []byte) bool {
	for {
		a, b = bytes.TrimLeft(a, gitSpace), bytes.TrimLeft(b, gitSpace)
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

// gitSpace is what git takes for white space.
const gitSpace = " \t\r\n"

// replace puts the hunk's new lines in the place of its old ones; the image before is used up.
func (img image) replace(h hunk, at int) image {
	lines := make([]line, len(h.new))
	for i, l := range h.new {
		lines[i] = line{text: l, fresh: true}
	}
	return slices.Replace(img, at, at+len(h.old), lines...)
}
