package strictyaml

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"strix-build/internal/diag"
)

// constructs puts the parser's names into words a reader of the file knows.
var constructs = map[string]string{
	"while parsing a flow sequence":    "the list [",
	"while parsing a flow mapping":     "the mapping {",
	"while parsing a block collection": "the list",
	"while parsing a block mapping":    "the mapping",
	"while scanning a quoted scalar":   "the quoted text",
}

// syntax turns the parser's error into a problem. Where the file ends too early the place is what was left open:
// the end itself says nothing.
func (s *source) syntax(err error) diag.Problem {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return diag.Problem{Pos: s.pos(1, 1), Msg: "not YAML: " + err.Error()}
	}
	at := s.pos(load.Mark.Line, load.Mark.Column)
	opened := s.pos(load.ContextMark.Line, load.ContextMark.Column)
	what, known := constructs[load.ContextMsg]
	known = known && load.ContextMark.Line > 0
	if known && s.ended(load.Mark.Line) {
		return diag.Problem{Pos: opened, Msg: what + " that begins here is still open at the end of the file"}
	}
	msg, hint := s.words(load, at)
	if known && hint == "" && opened != at {
		hint = fmt.Sprintf("it belongs to %s of line %d, column %d", what, opened.Line, opened.Col)
	}
	return diag.Problem{Pos: at, Msg: msg, Hint: hint}
}

func (s *source) words(load *yaml.LoadError, at diag.Pos) (msg, hint string) {
	before, here := s.around(at)
	switch m := load.Message; {
	case strings.Contains(m, "exceeded max depth"):
		return fmt.Sprintf("nested deeper than %d levels", maxDepth), ""
	case strings.Contains(m, "unknown anchor"):
		return "aliases are not allowed", extrasHint
	case strings.Contains(m, "cannot start any token") && here == '\t':
		return "a tab cannot indent", "use spaces"
	case strings.Contains(m, "cannot start any token"):
		return fmt.Sprintf("a value cannot begin with %q", here), "quote the value"
	case strings.Contains(m, "mapping values are not allowed") && strings.Contains(before, ": "):
		return "a second colon in one line", "quote the value if the colon belongs to it"
	case strings.Contains(m, "mapping values are not allowed"):
		return "a key is not allowed here", "indent it like the keys above it"
	case strings.Contains(m, "expected node content") && s.ended(load.Mark.Line):
		return "the file ends where a value is expected", ""
	case strings.Contains(m, "expected node content"):
		return "expected a value here", ""
	case strings.Contains(m, "did not find expected key"):
		return "expected a key here", "check the indentation and the quotes of the lines above"
	}
	if wanted, ok := strings.CutPrefix(load.Message, "did not find expected "); ok {
		return fmt.Sprintf("expected %s here", wanted), ""
	}
	if s.ended(load.Mark.Line) {
		return "the file ends too early: " + load.Message, ""
	}
	return "not YAML: " + load.Message, ""
}

// around returns the line up to a place and the character there.
func (s *source) around(at diag.Pos) (before string, here rune) {
	line := []rune(string(s.lines[at.Line-1]))
	if at.Col > len(line) {
		return string(line), '\n'
	}
	return string(line[:at.Col-1]), line[at.Col-1]
}
