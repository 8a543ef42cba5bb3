package patch

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"strix-build/internal/diag"
)

// Header is what a patch file says about itself before its diff: mail-like lines "Key: text", longer texts going on in
// indented lines. A field that is not there is "". Texts have single spaces and no line breaks.
type Header struct {
	Title  string // Subject: what the patch does, one line
	Why    string // Why
	Status string // Upstream-Status: one of Yocto's words, and a remark
	Expect string // Expect: what it should change, and what not
	Origin string // Origin: who wrote it, or where it is from
}

// headerWidth is the column at which String breaks lines.
const headerWidth = 120

var (
	headerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(.*)$`)
	// mailPrefix is what git format-patch and mailing lists put before a subject.
	mailPrefix = regexp.MustCompile(`^(\[[^\]]*(PATCH|RFC)[^\]]*\] *)+`)
	statusWord = regexp.MustCompile(`^[A-Za-z-]+`)
)

// headerKeys are the keys in the order they are written in.
var headerKeys = []string{"Subject", "Why", "Upstream-Status", "Expect", "Origin"}

// statusWords are Yocto's, as in patchset.yaml's upstream.status.
var statusWords = []string{"pending", "submitted", "backport", "denied", "inactive-upstream", "inappropriate"}

func (h *Header) field(key string) *string {
	switch key {
	case "Subject":
		return &h.Title
	case "Why":
		return &h.Why
	case "Upstream-Status":
		return &h.Status
	case "Expect":
		return &h.Expect
	}
	return &h.Origin
}

// ReadHeader reads the lines before the diff. Other keys, such as a mail's From and Date, and lines of free text are
// passed over, so what git format-patch writes is fine. A key that is there twice, or is no text, is an error: a
// *diag.Error with the line, in a file without a name.
func ReadHeader(data []byte) (Header, error) {
	h, _, list := readHeader("", data)
	return h, list.Err()
}

// readHeader also returns where each key stands.
func readHeader(name string, data []byte) (Header, map[string]diag.Pos, diag.List) {
	var h Header
	var list diag.List
	places := map[string]diag.Pos{}
	var current *string
	for i, text := range preamble(data) {
		pos := diag.Pos{File: name, Line: i + 1}
		m := headerLine.FindStringSubmatch(text)
		switch {
		case text != "" && (text[0] == ' ' || text[0] == '\t'):
			m = []string{"", "", text}
		case m == nil || !slices.Contains(headerKeys, m[1]):
			current = nil
			continue
		case !places[m[1]].IsZero():
			list.Add(pos, "", "%s is there twice; the first is at line %d", m[1], places[m[1]].Line)
			current = nil
			continue
		default:
			places[m[1]], current = pos, h.field(m[1])
		}
		if !utf8.ValidString(m[2]) && current != nil {
			list.Add(pos, "", "the header is not UTF-8 text")
			continue
		}
		if current != nil {
			*current = strings.Join(append(strings.Fields(*current), strings.Fields(m[2])...), " ")
		}
	}
	h.Title = mailPrefix.ReplaceAllString(h.Title, "")
	return h, places, list
}

// preamble returns the lines before the diff and before the line --- that git format-patch puts above its statistics.
func preamble(data []byte) []string {
	if at := headerOffset(data, 0); at >= 0 {
		data = data[:at]
	}
	lines := strings.Split(string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))), "\n")
	if at := slices.Index(lines, "---"); at >= 0 {
		lines = lines[:at]
	}
	return lines
}

// String returns the text form, which ReadHeader reads; it ends in a newline. A header without any text is "".
func (h Header) String() string {
	var b strings.Builder
	for _, key := range headerKeys {
		words := strings.Fields(*h.field(key))
		if len(words) == 0 {
			continue
		}
		b.WriteString(key + ":")
		width := len(key) + 1
		for _, w := range words {
			if n := utf8.RuneCountInString(w); width+1+n > headerWidth {
				b.WriteString("\n ")
				width = 1
			}
			b.WriteString(" " + w)
			width += 1 + utf8.RuneCountInString(w)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// CheckHeader reports what a patch file of a series leaves unsaid: title, upstream status, origin. Loading and building
// do not ask for them; lint does. name is what messages call the file. The error is a *diag.Error.
func CheckHeader(name string, data []byte) error {
	h, places, list := readHeader(name, data)
	for _, want := range []struct{ key, value, hint string }{
		{"Subject", h.Title, "begin the file with a line such as: Subject: mmq: 64-row tiles on RDNA3.5"},
		{"Upstream-Status", h.Status, "add a line such as: Upstream-Status: denied (#21344); the words are " + strings.Join(statusWords, ", ")},
		{"Origin", h.Origin, "add a line that says who wrote it, such as: Origin: own work"},
	} {
		pos, ok := places[want.key]
		switch {
		case !ok:
			list.Add(diag.Pos{File: name, Line: 1}, want.hint, "the patch's header has no %s", want.key)
		case want.value == "":
			list.Add(pos, want.hint, "%s is empty", want.key)
		}
	}
	if word := statusWord.FindString(h.Status); h.Status != "" && !slices.Contains(statusWords, strings.ToLower(word)) {
		meant := ""
		if near := diag.Nearest(strings.ToLower(word), statusWords); near != "" {
			meant = fmt.Sprintf("; did you mean %q?", near)
		}
		list.Add(places["Upstream-Status"], "", "Upstream-Status begins with %q, not one of %s%s", strings.SplitN(h.Status, " ", 2)[0],
			strings.Join(statusWords, ", "), meant)
	}
	return withSource(list, name, data)
}

// CheckHeaders is [CheckHeader] for every file of a variant's series, all problems at once. A variant that is a pull
// request has nothing to check.
func CheckHeaders(fsys fs.FS, s *Set, v *Variant) error {
	if v.Series.Value == "" {
		return nil
	}
	dir := path.Join(root, s.Name, v.Series.Value)
	names, err := seriesNames(fsys, dir, v)
	if err != nil {
		return err
	}
	var all diag.Error
	for _, name := range names {
		file := path.Join(dir, name)
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("read patch: %w", err)
		}
		if err := merge(&all, CheckHeader(file, data)); err != nil {
			return err
		}
	}
	if len(all.Problems) > 0 {
		return &all
	}
	return nil
}
