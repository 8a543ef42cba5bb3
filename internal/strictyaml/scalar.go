package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"strix-build/internal/diag"
)

// scalar reads a node that must be one value.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, f field, p path) {
	t := v.Type()
	switch {
	case t == boolType:
		if b, ok := d.boolean(n, f, p); ok {
			v.Set(reflect.ValueOf(Bool{Value: b, Pos: d.pos(n)}))
		}
	case t.Kind() == reflect.Int && !reflect.PointerTo(t).Implements(unmarshalType):
		d.integer(n, v, f, p)
	default:
		if text, ok := d.text(n, f, p); ok {
			d.setText(n, v, text, p)
		}
	}
}

func (d *decoder) setText(n *yaml.Node, v reflect.Value, text string, p path) {
	switch u := v.Addr().Interface().(type) {
	case *Text:
		*u = Text{Value: text, Pos: d.pos(n)}
	case encoding.TextUnmarshaler:
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.add(n, "", "%s: %v", d.quoted(p), err)
		}
	default:
		v.SetString(text)
	}
}

// lostNumber is the rest of a text that mentions an issue, "removed by #26046", and was not quoted.
var lostNumber = regexp.MustCompile(`^#[0-9]`)

// text accepts strings only. YAML would turn 7.10 into 7.1 and 0123456 into a number, so what is not marked as text
// by its form is refused.
func (d *decoder) text(n *yaml.Node, f field, p path) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.add(n, f.hint(), "%s wants text, not %s", d.quoted(p), describe(n))
		return "", false
	case n.ShortTag() != "!!str":
		d.add(n, fmt.Sprintf("quote it: %s", strconv.Quote(clip(n.Value))), "%s wants text, not %s",
			d.quoted(p), describe(n))
		return "", false
	case lostNumber.MatchString(n.LineComment) && n.Style == 0:
		d.add(n, "quote the value; or write a space after # if it is a comment", "%s ends before %s, which YAML takes for a comment",
			d.quoted(p), clipQuoted(n.LineComment))
		return "", false
	case f.enum != nil && !slices.Contains(f.enum, n.Value):
		d.enumMiss(n, f, p)
		return "", false
	}
	return n.Value, true
}

func (d *decoder) enumMiss(n *yaml.Node, f field, p path) {
	meant := ""
	if near := diag.Nearest(n.Value, f.enum); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	d.add(n, "", "%s is %s, not one of %s%s", d.quoted(p), clipQuoted(n.Value), strings.Join(f.enum, ", "), meant)
}

func (d *decoder) boolean(n *yaml.Node, f field, p path) (value, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.add(n, f.hint(), "%s wants true or false, not %s", d.quoted(p), describe(n))
		return false, false
	}
	return strings.EqualFold(n.Value, "true"), true
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value, f field, p path) {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
		d.add(n, f.hint(), "%s wants a whole number, not %s", d.quoted(p), describe(n))
		return
	}
	v.SetInt(int64(i))
}

// describe names what is there in words of the file, not of YAML's type system.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "keys with values"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + clip(n.Value)
	case "!!bool":
		return "the truth value " + clip(n.Value)
	case "!!timestamp":
		return "the date " + clip(n.Value)
	case "!!null":
		return "nothing"
	}
	return "the text " + clipQuoted(n.Value)
}

// clip shortens an operand: a message must not carry a megabyte of the file.
func clip(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

func clipQuoted(s string) string { return strconv.Quote(clip(s)) }
