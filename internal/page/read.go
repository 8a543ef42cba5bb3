package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"strix-build/internal/ab"
	"strix-build/internal/gate"
	"strix-build/internal/kernels"
	"strix-build/internal/matrix"
	"strix-build/internal/report"
	"strix-build/internal/weekly"
)

// ErrRows says that a document is llama-bench's rows, which are read together: see Rows.
var ErrRows = errors.New("rows of llama-bench")

// ErrUnknown says that a document is of no kind that reports are made of.
var ErrUnknown = errors.New("it is neither what gate, bench, ab or weekly wrote, nor rows of llama-bench, a drift ledger, or kernels as JSON")

// ErrNoDocument says that something is no JSON, or no object.
var ErrNoDocument = errors.New("no document")

// Read makes the subject of a document that this program wrote: evidence of a gate, a matrix, a lattice ("ab"), a weekly run, kernels
// ("kernels --json"), or a drift ledger; it is told by what is in it.
func Read(data []byte) (report.Subject, error) {
	kind, err := kindOf(data)
	if err != nil {
		return report.Subject{}, err
	}
	switch kind {
	case "gate":
		e, err := gate.Read(data)
		if err != nil {
			return report.Subject{}, err
		}
		return Gate(e)
	case "bench":
		e, err := matrix.Read(data)
		if err != nil {
			return report.Subject{}, err
		}
		return Bench(e), nil
	case "ab":
		d, err := ab.Read(data)
		if err != nil {
			return report.Subject{}, err
		}
		return AB(d)
	case "weekly":
		r, err := weekly.Read(data)
		if err != nil {
			return report.Subject{}, err
		}
		return Weekly(r), nil
	case "drift":
		ledger, err := gate.ReadLedger(data)
		if err != nil {
			return report.Subject{}, err
		}
		return ledgerSubject(ledger), nil
	case "kernels":
		var r kernels.Report
		if err := json.Unmarshal(data, &r); err != nil {
			return report.Subject{}, err
		}
		s := report.Subject{Name: r.Image, Kind: kind, Sections: []report.Section{Kernels(&r)}}
		if r.Against != "" {
			s.Name += " against " + r.Against
		}
		return s, nil
	case "rows":
		return report.Subject{}, ErrRows
	}
	return report.Subject{}, ErrUnknown
}

// kindOf looks at the keys of a document, or of its first line. A key is a kind's own.
func kindOf(data []byte) (string, error) {
	var keys map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&keys); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoDocument, err)
	}
	for _, k := range kinds {
		if !slices.ContainsFunc(k.keys, func(key string) bool { return keys[key] == nil }) {
			return k.kind, nil
		}
	}
	return "", nil
}

// kinds are told by keys that all documents of a kind have, and those of another have not all.
var kinds = []struct {
	kind string
	keys []string
}{
	{"gate", []string{"candidate", "policy", "samples"}},
	{"ab", []string{"factors", "arms", "matrix"}},
	{"bench", []string{"arms", "samples"}},
	{"weekly", []string{"started", "tracks", "siblings"}},
	{"drift", []string{"anchor", "candidate"}},
	{"kernels", []string{"libraries", "groups"}},
	{"rows", []string{"build_commit", "model_filename"}},
}

func ledgerSubject(ledger []gate.Entry) report.Subject {
	if len(ledger) == 0 {
		return report.Subject{Name: "drift", Kind: "drift"}
	}
	series := gate.Series(ledger)
	last := series[len(series)-1]
	s := report.Subject{Name: last.Candidate.Name + " against its anchor " + last.Anchor.Name, Kind: "drift",
		Verdict:  &report.Verdict{Word: string(last.Verdict), Tone: tone(last.Verdict)},
		Facts:    []report.Fact{{Name: "Host", Value: last.Host}, {Name: "Anchor", Value: subject(last.Anchor)}, {Name: "Policy", Value: last.Policy}},
		Sections: []report.Section{Drift(series)}}
	if left := len(ledger) - len(series); left > 0 {
		s.Sections = append(s.Sections, report.Notes{Lines: []string{fmt.Sprintf("%d further lines of the ledger are of other hosts or anchors, and cannot be compared.", left)}})
	}
	return s
}
