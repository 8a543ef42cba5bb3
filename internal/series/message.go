package series

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"strix-build/internal/patch"
)

// Trailers of a commit's message, as git calls the lines at its end. The first three are a patch file's header too.
const (
	statusKey = "Upstream-Status"
	expectKey = "Expect"
	originKey = "Origin"
	setKey    = "Patch-Set"
	fileKey   = "Patch-File"
)

// messageWidth is how long a line of a commit's message gets.
const messageWidth = 76

// message is what a commit says of its patch.
type message struct {
	patch.Header
	Set  string // the patch set
	File string // below the set's folder; "" for a commit that somebody made on top
}

// newMessage takes a patch's header. A file in mail form has its reason in the body, and a pull request none.
func newMessage(p Patch) (message, error) {
	m := message{Set: p.Set, File: p.Path}
	if p.Pull != nil {
		m.Title, m.Status = p.Pull.Title, statusOf(p.Pull.Status, p.Pull.Number)
		m.Origin = fmt.Sprintf("pull request %d, base %s, head %s", p.Pull.Number, p.Pull.Base, p.Pull.Head)
		return m, nil
	}
	head, _ := split(p.Text)
	h, err := patch.ReadHeader(p.Text)
	if err != nil {
		return m, fmt.Errorf("patch %s: %w", p.name(), err)
	}
	m.Header = h
	if mail, err := gitdiff.ParsePatchHeader(string(head)); err == nil && h.Why == "" {
		m.Why = parseMessage("title\n\n" + mail.Body).Why // its trailers are the header's fields already
	}
	if m.Title == "" {
		m.Title = strings.TrimSuffix(path.Base(p.Path), ".patch")
	}
	return m, nil
}

// statusOf is the set's word on a pull request in the form of a header.
func statusOf(word string, pull int) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("%s%s (#%d)", strings.ToUpper(word[:1]), word[1:], pull)
}

// split cuts a patch file where its diff begins.
func split(text []byte) (header, diff []byte) {
	const mark = "diff --git "
	if bytes.HasPrefix(text, []byte(mark)) {
		return nil, text
	}
	at := bytes.Index(text, []byte("\n"+mark))
	if at < 0 {
		return text, nil
	}
	return text[:at+1], text[at+1:]
}

// String is the commit's message: title, reason, trailers. It ends in a newline.
func (m message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", oneLine(m.Title))
	if m.Why != "" {
		for paragraph := range strings.SplitSeq(strings.TrimSpace(m.Why), "\n\n") {
			fmt.Fprintf(&b, "%s\n\n", fold(oneLine(paragraph), ""))
		}
	}
	for _, t := range m.trailers() {
		if t[1] != "" {
			fmt.Fprintln(&b, fold(t[0]+": "+oneLine(t[1]), "  "))
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (m message) trailers() [][2]string {
	return [][2]string{{statusKey, m.Status}, {expectKey, m.Expect}, {originKey, m.Origin}, {setKey, m.Set}, {fileKey, m.File}}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// fold breaks a line at spaces; what follows is indented.
func fold(s, indent string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		bareKey := indent != "" && len(lines) == 0 && strings.HasSuffix(line, ":")
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > messageWidth && !bareKey:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// trailer is the first line of one.
var trailer = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$`)

// parseMessage reads a message back, also one that somebody wrote: what is no trailer is the reason.
func parseMessage(text string) message {
	title, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	m := message{Header: patch.Header{Title: title}}
	values := map[string]*string{statusKey: &m.Status, expectKey: &m.Expect, originKey: &m.Origin, setKey: &m.Set, fileKey: &m.File}
	var why []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(rest), "\n\n") {
		if !readTrailers(paragraph, values) {
			why = append(why, strings.TrimSpace(paragraph))
		}
	}
	m.Why = strings.Join(why, "\n\n")
	return m
}

// readTrailers takes a paragraph that is nothing but trailers; those of other keys, Signed-off-by among them, are let go.
// Of a key that comes twice, as in commits that were squashed, the first counts.
func readTrailers(paragraph string, values map[string]*string) bool {
	lines := strings.Split(paragraph, "\n")
	if !isTrailers(lines, values) {
		return false
	}
	var into *string
	for _, l := range lines {
		if t := trailer.FindStringSubmatch(l); t != nil {
			into, l = values[t[1]], t[2]
			if into != nil && *into != "" {
				into = nil
			}
		}
		if into != nil {
			*into = oneLine(*into + " " + l)
		}
	}
	return true
}

// isTrailers tells trailers from a sentence with a colon: one of the keys is known, or it is who signed.
func isTrailers(lines []string, values map[string]*string) bool {
	known := false
	for i, l := range lines {
		t := trailer.FindStringSubmatch(l)
		folded := i > 0 && strings.TrimLeft(l, " \t") != l
		if t == nil && !folded {
			return false
		}
		known = known || t != nil && (values[t[1]] != nil || strings.HasSuffix(t[1], "-by"))
	}
	return known
}

// same compares what two messages say of a patch, less how the text is broken into lines.
func (m message) same(o message) bool {
	return oneLine(m.Title) == oneLine(o.Title) && oneLine(m.Why) == oneLine(o.Why) && oneLine(m.Status) == oneLine(o.Status) &&
		oneLine(m.Expect) == oneLine(o.Expect) && oneLine(m.Origin) == oneLine(o.Origin)
}
