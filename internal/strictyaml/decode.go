package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"strix-build/internal/diag"
)

type decoder struct {
	source   *source
	kind     string // the word for the whole document
	problems diag.List
}

// path is the dotted way to a node and the node a message about its mapping points at: the key above it.
type path struct {
	keys string // "" is the document
	item bool   // a member of the list that keys names
	at   *yaml.Node
}

func (p path) child(key string, at *yaml.Node) path {
	if p.keys != "" {
		key = p.keys + "." + key
	}
	return path{keys: key, at: at}
}

// quoted names the value at p as the subject of a message.
func (d *decoder) quoted(p path) string {
	switch {
	case p.keys == "":
		return d.kind
	case p.item:
		return fmt.Sprintf("an item of %q", p.keys)
	}
	return strconv.Quote(p.keys)
}

// owner names the mapping at p as one that has keys.
func (d *decoder) owner(p path) string {
	switch {
	case p.keys == "":
		return d.kind
	case p.item:
		return "each of " + p.keys
	}
	return p.keys
}

func (d *decoder) add(n *yaml.Node, hint, format string, a ...any) {
	switch {
	case len(d.problems) < maxProblems:
		d.problems.Add(d.pos(n), hint, format, a...)
	case len(d.problems) == maxProblems:
		d.problems.Add(d.pos(n), "", "more than %d problems; the rest is left out", maxProblems)
	}
}

func (d *decoder) full() bool { return len(d.problems) > maxProblems }

func (d *decoder) pos(n *yaml.Node) diag.Pos {
	return d.source.pos(n.Line, n.Column)
}

const extrasHint = "write the value out where it is used"

// refuseExtras reports the parts of YAML that let a file say something else than it seems to.
func (d *decoder) refuseExtras(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.add(n, extrasHint, "aliases are not allowed")
	case n.Anchor != "":
		d.add(n, extrasHint, "anchors are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		d.add(n, "leave it out; quotes make text of a number", "tag %s is not allowed", clip(n.Tag))
	}
	for _, c := range n.Content {
		if d.full() {
			return
		}
		d.refuseExtras(c)
	}
}

var (
	textType      = reflect.TypeFor[Text]()
	boolType      = reflect.TypeFor[Bool]()
	unmarshalType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value reads n into v. Aliases were reported before and count as read.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field, p path) {
	if n.Kind == yaml.AliasNode || d.full() {
		return
	}
	if n.ShortTag() == "!!null" && n.Kind == yaml.ScalarNode {
		hint := "give it a value, or leave the key out"
		if f.required || p.keys == "" {
			hint = f.hint()
		}
		d.add(n, hint, "%s is empty", d.quoted(p))
		return
	}
	switch t := v.Type(); {
	case t == textType, t == boolType, reflect.PointerTo(t).Implements(unmarshalType),
		t.Kind() == reflect.String, t.Kind() == reflect.Int:
		d.scalar(n, v, f, p)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), f, p)
	case t.Kind() == reflect.Slice:
		d.list(n, v, f, p)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		d.dict(n, v, f, p)
	case t.Kind() == reflect.Struct:
		d.structure(n, v, f, p)
	default:
		panic("strictyaml: no way to read a " + t.String())
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, f field, p path) {
	if n.Kind != yaml.SequenceNode {
		hint := f.hint()
		if n.Kind == yaml.ScalarNode && !strings.ContainsAny(n.Value, "\n,[]{}") {
			hint = fmt.Sprintf("write [%s]", clip(n.Value))
		}
		d.add(n, hint, "%s wants a list, not %s", d.quoted(p), describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, out.Index(i), f, path{keys: p.keys, item: true, at: c})
	}
	v.Set(out)
}

func (d *decoder) dict(n *yaml.Node, v reflect.Value, f field, p path) {
	if n.Kind != yaml.MappingNode {
		d.add(n, f.hint(), "%s wants keys with values, not %s", d.quoted(p), describe(n))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	d.pairs(n, p, func(key, value *yaml.Node) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(value, elem, f, p.child(key.Value, key))
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
	})
	v.Set(out)
}

// pairs calls fn for each key that is text and was not there before.
func (d *decoder) pairs(n *yaml.Node, p path, fn func(key, value *yaml.Node)) {
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && !d.full(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		line, seen := first[key.Value]
		switch {
		case key.Kind == yaml.AliasNode:
		case key.Kind != yaml.ScalarNode:
			d.add(key, "", "a key of %s is %s; a key is text", d.owner(p), describe(key))
		case key.ShortTag() != "!!str" && key.ShortTag() != "!!merge":
			d.add(key, "", "a key of %s is %s; quote it", d.owner(p), describe(key))
		case seen:
			d.add(key, "", "duplicate key %s; the first is at line %d", clipQuoted(key.Value), line)
		default:
			first[key.Value] = key.Line
			fn(key, value)
		}
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, f field, p path) {
	if n.Kind != yaml.MappingNode {
		d.add(n, f.hint(), "%s wants the keys %s, not %s", d.quoted(p),
			strings.Join(names(fieldsOf(v.Type())), ", "), describe(n))
		return
	}
	fields := fieldsOf(v.Type())
	places := Places{}
	done := map[string]bool{} // keys that are there, or are meant by a misspelled one
	d.pairs(n, p, func(key, value *yaml.Node) {
		f, ok := fields[key.Value]
		if !ok {
			done[d.unknownKey(key, fields, p)] = true
			return
		}
		done[key.Value] = true
		d.place(places, key, value)
		d.value(value, v.Field(f.index), f, p.child(key.Value, key))
	})
	d.missing(fields, done, p)
	setPlaces(v, d.pos(n), places)
}

// place notes where a key and the keys of its value stand.
func (d *decoder) place(places Places, key, value *yaml.Node) {
	places[key.Value] = d.pos(key)
	if value.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(value.Content); i += 2 {
		sub := value.Content[i]
		places[key.Value+"."+sub.Value] = d.pos(sub)
	}
}

// unknownKey reports the key and returns the one that was probably meant, or "".
func (d *decoder) unknownKey(key *yaml.Node, fields map[string]field, p path) string {
	known := names(fields)
	meant := diag.Nearest(key.Value, known)
	msg := "unknown key " + clipQuoted(key.Value)
	if meant != "" {
		msg += fmt.Sprintf("; did you mean %q?", meant)
	} else {
		msg += ";"
	}
	d.add(key, "", "%s %s has %s", msg, d.owner(p), strings.Join(known, ", "))
	return meant
}

func (d *decoder) missing(fields map[string]field, done map[string]bool, p path) {
	for _, name := range names(fields) {
		if f := fields[name]; f.required && !done[name] {
			d.add(p.at, f.hint(), "missing key %q in %s", name, strings.TrimPrefix(d.owner(p), "each of "))
		}
	}
}

func setPlaces(v reflect.Value, pos diag.Pos, places Places) {
	for i := range v.NumField() {
		switch v.Field(i).Interface().(type) {
		case diag.Pos:
			v.Field(i).Set(reflect.ValueOf(pos))
		case Places:
			v.Field(i).Set(reflect.ValueOf(places))
		}
	}
}

func names(fields map[string]field) []string {
	out := make([]string, 0, len(fields))
	for name := range fields {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
