package strictyaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// node is a JSON schema; encoding/json sorts its keys, so the text is the same each time.
type node map[string]any

// Schema returns the JSON schema (2020-12) of the documents that Decode reads into in, a struct or a pointer to
// one. It is built from the same tags as Decode's checks, so that an editor and the program agree.
func Schema(title string, in any) ([]byte, error) {
	t := reflect.TypeOf(in)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("schema %q: want a struct, not %T", title, in)
	}
	s := &schema{defs: node{}}
	root := s.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	if len(s.defs) > 0 {
		root["$defs"] = s.defs
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // patterns have < and >
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return out.Bytes(), err
}

type schema struct {
	defs node // nested structs by name; each is written once
}

func (s *schema) object(t reflect.Type) node {
	properties, required := node{}, []string{}
	fields := fieldsOf(t)
	for _, name := range names(fields) {
		f := fields[name]
		property := s.of(t.Field(f.index).Type, f.enum)
		if f.doc != "" {
			property["description"] = f.doc
		}
		properties[name] = property
		if f.required {
			required = append(required, name)
		}
	}
	out := node{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (s *schema) of(t reflect.Type, enum []string) node {
	switch {
	case t == boolType:
		return node{"type": "boolean"}
	case t == textType, t.Kind() == reflect.String, reflect.PointerTo(t).Implements(unmarshalType):
		return text(t, enum)
	}
	switch t.Kind() {
	case reflect.Int:
		return node{"type": "integer"}
	case reflect.Pointer:
		return s.of(t.Elem(), enum)
	case reflect.Slice:
		return node{"type": "array", "items": s.of(t.Elem(), enum)}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": s.of(t.Elem(), enum)}
	case reflect.Struct:
		return s.ref(t)
	}
	panic("strictyaml: no schema for a " + t.String())
}

func (s *schema) ref(t reflect.Type) node {
	name := strings.ToLower(t.Name())
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // stops a type that holds itself
		s.defs[name] = s.object(t)
	}
	return node{"$ref": "#/$defs/" + name}
}

func text(t reflect.Type, enum []string) node {
	out := node{"type": "string"}
	if enum != nil {
		out["enum"] = enum
	}
	if p, ok := reflect.Zero(t).Interface().(interface{ Pattern() string }); ok {
		out["pattern"] = p.Pattern()
	}
	return out
}
