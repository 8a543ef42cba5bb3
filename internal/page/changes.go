package page

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/attest"
	"strix-build/internal/report"
	"strix-build/internal/store"
)

// Changes is what differs between two images of the store, as far as their records say. Packages and commits are for others to add.
func Changes(base, now *store.Record) report.Changes {
	out := report.Changes{From: base.Ref, To: now.Ref}
	out.Patches = Differing(patches(base), patches(now))
	was, is := inputs(base), inputs(now)
	out.Inputs = Differing(was, is)
	return out
}

// Differing lists what two sets of named values do not have in common, by name.
func Differing(was, is map[string]string) []report.Change {
	names := map[string]bool{}
	for k := range was {
		names[k] = true
	}
	for k := range is {
		names[k] = true
	}
	var out []report.Change
	for _, k := range slices.Sorted(maps.Keys(names)) {
		if was[k] != is[k] {
			out = append(out, report.Change{Name: k, Was: was[k], Is: is[k]})
		}
	}
	return out
}

// patchInput begins the names of inputs that are patches, in their order.
const patchInput = "patch "

// patches are a record's by name, with digest and state.
func patches(r *store.Record) map[string]string {
	out := map[string]string{}
	for k, v := range r.Inputs {
		if name, digest, ok := strings.Cut(v, " sha256:"); ok && strings.HasPrefix(k, patchInput) {
			out[name] = "sha256:" + digest[:min(12, len(digest))]
		}
	}
	for name, state := range r.Patches {
		out[name] = strings.TrimSpace(state + " " + out[name])
	}
	return out
}

func inputs(r *store.Record) map[string]string {
	out := maps.Clone(r.Inputs)
	maps.DeleteFunc(out, func(k, _ string) bool { return strings.HasPrefix(k, patchInput) })
	return out
}

// Packages are the distribution's packages of an SBOM ([attest.SBOM]) with their versions. llama.cpp, its patches and the image itself are
// packages of an SBOM too, and shown elsewhere.
func Packages(statement []byte) (map[string]string, error) {
	s, err := attest.ReadStatement(statement)
	if err != nil {
		return nil, err
	}
	var sbom struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
			Refs    []struct {
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(s.Predicate, &sbom); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, p := range sbom.Packages {
		for _, r := range p.Refs {
			if strings.HasPrefix(r.Locator, "pkg:deb/") {
				out[p.Name] = p.Version
			}
		}
	}
	return out, nil
}
