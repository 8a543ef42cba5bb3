package gate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(policy())
	e := w.run(all)
	v := Judge(e)
	e.Verdict = &v
	entry, err := NewEntry(e)
	if err != nil || entry.Verdict != Pass || len(entry.Cells) != 3 || entry.Anchor.Name != "a" || len(entry.Host) != 12 {
		t.Fatalf("%+v, %v", entry, err)
	}
	other, elsewhere := entry, entry
	other.Anchor.Digest, elsewhere.Host = "sha256:1", "x"
	var data bytes.Buffer
	for i, line := range []Entry{entry, other, elsewhere, entry} {
		line.When = time.Date(2026, 1, i+1, 0, 0, 0, 0, time.UTC)
		if err := json.NewEncoder(&data).Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	ledger, err := ReadLedger(data.Bytes())
	if err != nil || len(ledger) != 4 {
		t.Fatal(len(ledger), err)
	}
	if s := Series(ledger); len(s) != 2 || s[0].When.Day() != 1 || s[1].When.Day() != 4 {
		t.Errorf("%+v", s)
	}
	if _, err := ReadLedger(append(data.Bytes(), `{"when": 3}`...)); err == nil || !strings.Contains(err.Error(), "line 5 of the ledger") {
		t.Error(err)
	}
	e.Baseline = nil
	if _, err := NewEntry(e); err == nil {
		t.Error("evidence without a baseline has a line")
	}
}

// FuzzLedger: what is no ledger is an error.
func FuzzLedger(f *testing.F) {
	f.Add([]byte(`{"when":"2026-01-01T00:00:00Z","verdict":"PASS","cells":[]}` + "\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ledger, err := ReadLedger(data)
		if err == nil && len(Series(ledger)) > len(ledger) {
			t.Error("a series is longer than its ledger")
		}
	})
}
