// Package strictyaml reads a YAML document into Go structs and reports everything that is wrong with it at once,
// each problem with its place and with what would have been right. It describes the same structs as JSON schema.
//
// It takes a small, safe part of YAML: one document of mappings, lists and scalars. Anchors, aliases, tags and
// deep nesting are refused. It does not know what the documents mean, and it does not write YAML.
//
// Fields are declared by tags:
//
//	Name Text `yaml:"name,required" doc:"for hints and the schema" enum:"a,b"`
//
// A field's type is Text, Bool, string, int, a struct, a pointer to one, an [encoding.TextUnmarshaler] (read from
// text), or a slice or map[string] of these. A field "Pos diag.Pos" and a field of type [Places], both tagged "-",
// receive where the struct and where its keys stand. A root type may have a method Kind() string that names it
// in messages; without one it is the type's name in lower case.
package strictyaml

import (
	"encoding/json"
	"reflect"
	"strings"

	"strix-build/internal/diag"
)

// Limits of a document. A file a person wrote is far below both.
const (
	maxBytes    = 1 << 20
	maxDepth    = 40
	maxProblems = 100 // more say nothing new about a broken file
)

// Text is a string and where it was read.
type Text struct {
	Value string
	Pos   diag.Pos
}

// String returns the value.
func (t Text) String() string { return t.Value }

// MarshalText writes the value, so that JSON shows a plain string.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.Value), nil }

// Bool is a truth value and where it was read.
type Bool struct {
	Value bool
	Pos   diag.Pos
}

// MarshalJSON writes true or false.
func (b Bool) MarshalJSON() ([]byte, error) { return json.Marshal(b.Value) }

// Places says where each key of a struct stands, and as "key.sub" each key of the mapping that is its value. Keys
// that were left out are absent.
type Places map[string]diag.Pos

// Decode reads data, the text of file, into out, a pointer to a struct. It returns every problem (the first
// hundred of a badly broken file), sorted by place. What could be read is in out even then.
func Decode(file string, data []byte, out any) diag.List {
	value := reflect.ValueOf(out).Elem()
	src := newSource(file, data)
	d := &decoder{source: src, kind: kindOf(value)}
	root, problems := src.parse()
	d.problems = problems
	if root != nil {
		d.refuseExtras(root)
		d.value(root, value, field{}, path{at: root})
	}
	return d.problems.Sorted()
}

// kindOf returns the word for a document in messages, e.g. "recipe".
func kindOf(v reflect.Value) string {
	if k, ok := v.Interface().(interface{ Kind() string }); ok {
		return k.Kind()
	}
	return strings.ToLower(v.Type().Name())
}
