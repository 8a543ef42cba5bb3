package main

import (
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"strix-build/internal/ab"
	"strix-build/internal/gate"
	"strix-build/internal/matrix"
)

// TestEvidenceSchemaIsCurrent compares docs/schema with what a gate, a bench and a lattice write.
func TestEvidenceSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	evidence, err := jsonschema.For[gate.Evidence](nil)
	if err != nil {
		t.Fatal(err)
	}
	bench, err := jsonschema.For[matrix.Evidence](nil)
	if err != nil {
		t.Fatal(err)
	}
	lattice, err := jsonschema.For[ab.Document](nil)
	if err != nil {
		t.Fatal(err)
	}
	compareSchema(t, "ab", "strix-build ab: what a lattice measured", lattice)
	compareSchema(t, "evidence", "strix-build evidence: what a gate measured", evidence)
	compareSchema(t, "bench", "strix-build bench: what a matrix measured", bench)
}

func compareSchema(t *testing.T, name, title string, s *jsonschema.Schema) {
	t.Helper()
	s.Title = title
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	compareDoc(t, name+".schema.json", got)
}
