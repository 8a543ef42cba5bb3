package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/printable"
)

// Waiver lets an image pass although a gate did not: by whom, why, until when, and what of which evidence.
type Waiver struct {
	Reason string `json:"reason"`
	Who    string `json:"who"`
	Until  string `json:"until"` // last day it holds, UTC: 2026-12-31
	// Waives is a verdict (REGRESSED) or cells (moe/pp512), which must then be all that are slower.
	Waives   []string `json:"waives"`
	Evidence string   `json:"evidence"` // digest of the gate's document: sha256:…
}

// waivable are the verdicts that a person can set aside. FAILED is an image that is wrong, and INVALID says nothing of it.
var waivable = []gate.Word{gate.Smoke, gate.Inconclusive, gate.Mixed, gate.Regressed}

// Waive is the statement with a waiver for img, against the evidence that it waives.
func Waive(img *Image, w Waiver, document []byte) ([]byte, error) {
	e, err := gate.Read(document)
	if err != nil {
		return nil, err
	}
	if err := about(e, img.Digest); err != nil {
		return nil, err
	}
	v, err := judged(e)
	if err != nil {
		return nil, err
	}
	sum, err := documentDigest(document)
	if err != nil {
		return nil, err
	}
	w.Evidence = sum.String()
	if err := w.check(); err != nil {
		return nil, err
	}
	if err := w.covers(v); err != nil {
		return nil, err
	}
	return newStatement(img, TypeWaiver, w)
}

// readWaiver reads a predicate.
func readWaiver(predicate []byte) (*Waiver, error) {
	if err := gate.KeysOnce(predicate); err != nil {
		return nil, fmt.Errorf("no waiver: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(predicate))
	d.DisallowUnknownFields()
	var w Waiver
	if err := d.Decode(&w); err != nil {
		return nil, fmt.Errorf("no waiver: %w", err)
	}
	return &w, w.check()
}

func (w *Waiver) check() error {
	switch {
	case strings.TrimSpace(w.Reason) == "":
		return errors.New("a waiver needs a reason")
	case strings.TrimSpace(w.Who) == "":
		return errors.New("a waiver needs to say who waives")
	case !printable.OneLine(w.Reason):
		return fmt.Errorf("the reason of a waiver is one line without control characters, not %q", w.Reason)
	case !printable.OneLine(w.Who):
		return fmt.Errorf("who waives is one line without control characters, not %q", w.Who)
	case len(w.Waives) == 0:
		return errors.New("a waiver needs a verdict or cells that it waives")
	}
	_, err := w.ends()
	return err
}

// ends is the first moment at which the waiver no longer holds.
func (w *Waiver) ends() (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, w.Until, time.UTC)
	if err != nil {
		return time.Time{}, fmt.Errorf("a waiver ends on a day such as 2026-12-31, not %q", w.Until)
	}
	return day.AddDate(0, 0, 1), nil
}

// Holds reports a waiver that has ended.
func (w *Waiver) Holds(now time.Time) error {
	end, err := w.ends()
	if err != nil {
		return err
	}
	if !now.Before(end) {
		return fmt.Errorf("it ended on %s", w.Until)
	}
	return nil
}

// covers reports what of a verdict the waiver does not waive.
func (w *Waiver) covers(v gate.Verdict) error {
	if !slices.Contains(waivable, v.Word) {
		return fmt.Errorf("%s cannot be waived; %s can", v.Word, words(waivable))
	}
	if slices.Contains(w.Waives, string(v.Word)) {
		return nil
	}
	var left []string
	known := map[string]bool{}
	for _, c := range v.Cells {
		known[c.Name] = true
		if c.State == gate.Slower && !slices.Contains(w.Waives, c.Name) {
			left = append(left, c.Name)
		}
	}
	for _, name := range w.Waives {
		if !known[name] {
			return fmt.Errorf("it waives %q, which is neither the verdict (%s) nor a cell", name, v.Word)
		}
	}
	switch {
	case v.Word != gate.Regressed && v.Word != gate.Mixed: // no cell is the reason
		return fmt.Errorf("it waives cells, and the verdict is %s", v.Word)
	case len(left) > 0:
		return fmt.Errorf("it does not waive %s", strings.Join(left, ", "))
	}
	return nil
}

func words(list []gate.Word) string {
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	return strings.Join(out, ", ")
}
