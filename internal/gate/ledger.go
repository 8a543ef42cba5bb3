package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Entry is a line of the drift ledger: what an image was worth against one that stays the same. A gate compares an image with
// the one before it, and lets each lose a little; the ledger shows what they lost together.
type Entry struct {
	When      time.Time `json:"when"`
	Host      string    `json:"host"` // digest of the fingerprint: figures of two hosts have nothing in common
	Candidate Subject   `json:"candidate"`
	Anchor    Subject   `json:"anchor"`
	Policy    string    `json:"policy"`
	Verdict   Word      `json:"verdict"`
	Cells     []Cell    `json:"cells"`
}

// NewEntry is the ledger's line of evidence that was measured against the anchor. Errors: evidence without a baseline or a verdict.
func NewEntry(e *Evidence) (Entry, error) {
	if e.Baseline == nil || e.Verdict == nil || len(e.Samples) == 0 {
		return Entry{}, errors.New("the evidence is of no comparison")
	}
	host, err := json.Marshal(e.Host)
	if err != nil {
		return Entry{}, err
	}
	return Entry{When: e.Samples[0].Began, Host: fmt.Sprintf("%.6x", sha256.Sum256(host)), Candidate: e.Candidate, Anchor: *e.Baseline,
		Policy: e.Policy.Name, Verdict: e.Verdict.Word, Cells: e.Verdict.Cells}, nil
}

// ReadLedger reads the lines of a ledger, the oldest first.
func ReadLedger(data []byte) ([]Entry, error) {
	var out []Entry
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	for {
		var e Entry
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the ledger: %w", len(out)+1, err)
		}
		out = append(out, e)
	}
}

// Series are the lines that can be compared with the last one: of its host and against its anchor.
func Series(ledger []Entry) []Entry {
	var out []Entry
	for _, e := range ledger {
		if last := &ledger[len(ledger)-1]; e.Host == last.Host && same(e.Anchor, last.Anchor) {
			out = append(out, e)
		}
	}
	return out
}

// same compares images by digest; folders, which have none, by name.
func same(a, b Subject) bool { return a.Digest == b.Digest && (a.Digest != "" || a.Name == b.Name) }
