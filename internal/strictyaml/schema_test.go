package strictyaml

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// object is a JSON object.
type object = map[string]any

func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := Schema("a doc", &doc{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Schema("a doc", doc{})
	if err != nil || string(again) != string(text) {
		t.Error("the schema is not the same each time", err)
	}
	var got object
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	str, partRef := object{"type": "string"}, object{"$ref": "#/$defs/part"}
	mapOf := func(of any) object { return object{"type": "object", "additionalProperties": of} }
	want := object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a doc",
		"type": "object", "additionalProperties": false, "required": []any{"name"},
		"properties": object{
			"name":  object{"type": "string", "description": "what it is called"},
			"on":    object{"type": "boolean"},
			"class": object{"type": "string", "enum": []any{"small", "large"}},
			"plain": str,
			"count": object{"type": "integer", "description": "how many"},
			"even":  object{"type": "string", "pattern": "^(..)*$"},
			"list":  object{"type": "array", "items": object{"type": "string", "enum": []any{"a", "b"}}},
			"ints":  object{"type": "array", "items": object{"type": "integer"}},
			"map":   mapOf(str),
			"cells": mapOf(mapOf(str)),
			"part":  partRef, "opt": partRef,
			"parts": object{"type": "array", "items": partRef},
			"named": mapOf(partRef),
		},
		"$defs": object{
			"part": object{
				"type": "object", "additionalProperties": false, "required": []any{"key"},
				"properties": object{
					"key": object{"type": "string", "description": "the key of the part"},
					"sub": object{"$ref": "#/$defs/sub"},
				},
			},
			"sub": object{
				"type": "object", "additionalProperties": false, "required": []any{"deep"},
				"properties": object{"deep": object{"type": "boolean"}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSchemaWantsAStruct(t *testing.T) {
	t.Parallel()
	for _, in := range []any{nil, 1, "x", []doc{}} {
		if _, err := Schema("x", in); err == nil {
			t.Errorf("no error for %T", in)
		}
	}
}
