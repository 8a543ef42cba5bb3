package strictyaml

import (
	"reflect"
	"strings"
)

// field is what the tags of a struct field say.
type field struct {
	name     string
	index    int
	required bool
	doc      string
	enum     []string
}

// hint tells what the field is for.
func (f field) hint() string {
	if f.doc == "" {
		return ""
	}
	return f.name + ": " + f.doc
}

// fieldsOf returns the declared keys of a struct type.
func fieldsOf(t reflect.Type) map[string]field {
	out := map[string]field{}
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if name == "" || name == "-" || !sf.IsExported() {
			continue
		}
		f := field{name: name, index: i, required: options == "required", doc: sf.Tag.Get("doc")}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		out[name] = f
	}
	return out
}
