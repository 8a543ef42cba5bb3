package main

import (
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"strix-build/internal/gate"
)

// TestEvidenceSchemaIsCurrent compares docs/schema with what a gate writes.
func TestEvidenceSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	s, err := jsonschema.For[gate.Evidence](nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Title = "strix-build evidence: what a gate measured"
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	compareDoc(t, "evidence.schema.json", got)
}
