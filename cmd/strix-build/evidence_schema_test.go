package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	file := filepath.Join("..", "..", "docs", "schema", "evidence.schema.json")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not current; run go generate ./cmd/strix-build (-file +program):\n%s", file, diff)
	}
}
