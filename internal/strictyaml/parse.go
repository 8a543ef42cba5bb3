package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"strix-build/internal/diag"
)

// source is a file's text and its lines, which all places are held to.
type source struct {
	file  string
	data  []byte
	lines [][]byte // without line ends; a last empty line does not count
}

func newSource(file string, data []byte) *source {
	text := bytes.TrimPrefix(data, []byte("\ufeff"))
	lines := bytes.Split(bytes.TrimRight(text, "\r\n"), []byte("\n"))
	for i, l := range lines {
		lines[i] = bytes.TrimSuffix(l, []byte("\r"))
	}
	return &source{file: file, data: data, lines: lines}
}

// pos returns a place inside the file: the parser puts what is missing behind the last line.
func (s *source) pos(line, col int) diag.Pos {
	if line > len(s.lines) {
		line, col = len(s.lines), utf8.RuneCount(s.lines[len(s.lines)-1])
	}
	line = max(1, line)
	length := utf8.RuneCount(s.lines[line-1])
	return diag.Pos{File: s.file, Line: line, Col: max(1, min(col, length+1))}
}

// ended reports whether the parser's line lies behind the last one.
func (s *source) ended(line int) bool { return line > len(s.lines) }

// parse returns the root node of the only document, or what keeps it from being one.
func (s *source) parse() (*yaml.Node, diag.List) {
	var problems diag.List
	if len(s.data) > maxBytes {
		problems.Add(s.pos(1, 1), "", "file is %d bytes; more than %d are refused", len(s.data), maxBytes)
		return nil, problems
	}
	if bad, ok := s.badCharacter(); ok {
		return nil, diag.List{bad}
	}
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth))
	loader, err := yaml.NewLoader(bytes.NewReader(s.data), yaml.WithPlugin(limits))
	if err != nil {
		return nil, diag.List{s.syntax(err)}
	}
	var doc, more yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		problems.Add(s.pos(1, 1), "", "file is empty")
		return nil, problems
	case err != nil:
		return nil, diag.List{s.syntax(err)}
	}
	switch err := loader.Load(&more); {
	case err == nil:
		problems.Add(s.pos(more.Line, more.Column), "", "a second document begins here; a file holds one")
	case !errors.Is(err, io.EOF):
		problems = append(problems, s.syntax(err))
	}
	return doc.Content[0], problems
}

// badCharacter finds the first character that is no text. Line breaks other than \n and \r\n are among them: YAML
// would count them as lines, editors do not, and every place after them would be off.
func (s *source) badCharacter() (diag.Problem, bool) {
	pos := diag.Pos{File: s.file, Line: 1, Col: 1}
	rest := bytes.TrimPrefix(s.data, []byte("\ufeff"))
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return diag.Problem{Pos: pos, Msg: fmt.Sprintf("byte 0x%02x is not UTF-8 text", rest[0])}, true
		case r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")), notText(r):
			return diag.Problem{Pos: pos, Msg: fmt.Sprintf("control character %U is not allowed", r)}, true
		}
		pos.Col++
		if r == '\n' {
			pos.Line, pos.Col = pos.Line+1, 1
		}
		rest = rest[size:]
	}
	return diag.Problem{}, false
}

func notText(r rune) bool {
	switch r {
	case '\n', '\t', '\r':
		return false
	case '\u2028', '\u2029', '\ufeff', 0xfffe, 0xffff:
		return true
	}
	return r < ' ' || (r >= 0x7f && r < 0xa0)
}
