package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/strictyaml"
)

//go:generate go test . -run TestSchemasAreCurrent|TestEvidenceSchemaIsCurrent|TestAdvisoriesPage -update

// The tests of this package share one -update flag; whichever file is first declares it.
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "rewrite generated and golden files")
	}
}

// TestSchemasAreCurrent compares docs/schema with the structs the loaders read into.
func TestSchemasAreCurrent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		title string
		of    any
	}{
		"recipe":     {"strix-build recipe: recipes/NAME.yaml", recipe.Recipe{}},
		"container":  {"strix-build container: containers/NAME.yaml", recipe.Container{}},
		"patchset":   {"strix-build patch set: patches/NAME/patchset.yaml", patch.Set{}},
		"flags":      {"strix-build backends and features: recipes/flags.yaml", recipe.Flags{}},
		"tracks":     {"strix-build tracks: recipes/tracks.yaml", recipe.Tracks{}},
		"advisories": {"strix-build advisories: recipes/advisories.yaml", recipe.Advisories{}},
		"policies":   {"strix-build gate policies: recipes/policies.yaml", recipe.Policies{}},
		"lock":       {"strix-build lock: recipes/TRACK.lock.yaml", recipe.Lock{}},
	} {
		got, err := strictyaml.Schema(c.title, c.of)
		if err != nil {
			t.Fatal(err)
		}
		compareDoc(t, name+".schema.json", got)
	}
}

// compareDoc compares a generated file of docs/schema, or writes it.
func compareDoc(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "..", "docs", "schema", name)
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
