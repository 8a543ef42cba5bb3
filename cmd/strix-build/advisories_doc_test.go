package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/recipe"
)

const advisoriesPage = "../../docs/advisories.md"

// TestAdvisoriesPage keeps the table of docs/advisories.md what recipes/advisories.yaml says; -update writes it.
func TestAdvisoriesPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(advisoriesPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), "-update -->\n")
	_, tail, found := strings.Cut(rest, "<!-- end -->")
	if !ok || !found {
		t.Fatalf("%s has lost the marks around its table", advisoriesPage)
	}
	a, err := recipe.LoadAdvisories(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	want := head + "-update -->\n" + advisoriesTable(a) + "<!-- end -->" + tail
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(advisoriesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("%s is not current, run go generate ./cmd/strix-build (-want +got):\n%s", advisoriesPage, diff)
	}
}

// advisoriesTable has one row an advisory, by name.
func advisoriesTable(a *recipe.Advisories) string {
	var names []string
	for name := range a.Advisories {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("| advisory | builds | severity | about | what | cured by | from |\n|---|---|---|---|---|---|---|\n")
	for _, name := range names {
		adv := a.Advisories[name]
		severity := adv.Severity.Value
		if adv.Unverified.Value {
			severity += ", unverified"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s | %s |\n", name, adv.Window, severity, about(adv),
			tableCell(adv.Summary.Value), joinedTexts(adv.CuredBy, "`"), tableCell(joinedTexts(adv.Links, "")))
	}
	return b.String()
}

// about are the conditions besides the window.
func about(a *recipe.Advisory) string {
	parts := []string{joinedTexts(a.Backends, ""), joinedTexts(a.Targets, ""), joinedTexts(a.When, "`")}
	var versions []string
	for name, c := range a.Versions {
		versions = append(versions, fmt.Sprintf("%s %s", name, c))
	}
	slices.Sort(versions)
	parts = append(parts, strings.Join(versions, ", "))
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return tableCell(strings.Join(parts, "; "))
}

func joinedTexts(ts []recipe.Text, quote string) string {
	var out []string
	for _, t := range ts {
		out = append(out, quote+t.Value+quote)
	}
	return strings.Join(out, ", ")
}

// tableCell keeps a bar from ending a cell.
func tableCell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
