package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"strix-build/internal/recipe"
)

// Read reads evidence and checks that it can be judged. It does not compare the verdict in it: see [Judge].
func Read(data []byte) (*Evidence, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("no evidence: %w", err)
	}
	if head.Version < 1 || head.Version > EvidenceVersion {
		return nil, fmt.Errorf("evidence of format %d; this program reads format %d", head.Version, EvidenceVersion)
	}
	if err := KeysOnce(data); err != nil {
		return nil, fmt.Errorf("no evidence: %w", err)
	}
	var e Evidence
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, fmt.Errorf("no evidence: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("no evidence: something follows the document")
	}
	return &e, e.check()
}

// check reports what would make judging meaningless.
func (e *Evidence) check() error {
	if err := e.Policy.check(); err != nil { // the bounds of what follows
		return err
	}
	if most := len(e.Runs) * (2 + 8*e.Policy.Canary + 4*e.Policy.lastLook()); len(e.Samples) > most {
		return fmt.Errorf("%d processes are more than the %d that the policy asks for", len(e.Samples), most)
	}
	if err := e.checkRuns(); err != nil {
		return err
	}
	for i, s := range e.Samples {
		if s.Run < 0 || s.Run >= len(e.Runs) {
			return fmt.Errorf("process %d is of run %d; there are %d", i+1, s.Run, len(e.Runs))
		}
		if s.Place < 0 || s.Place > 3 {
			return fmt.Errorf("process %d has place %d of a round; there are 0 to 3", i+1, s.Place)
		}
		if s.Seconds < 0 || s.Seconds > maxSeconds || s.Others < 0 {
			return fmt.Errorf("process %d took %g s, with %g CPUs used by others", i+1, s.Seconds, s.Others)
		}
	}
	for _, r := range e.Runs {
		for _, t := range r.Tests {
			if l := e.Policy.Limits[t]; l <= 0 || l >= 1 {
				return fmt.Errorf("the policy's limit for %q is %g; want a share between 0 and 1", t, l)
			}
		}
	}
	return nil
}

// maxSeconds is longer than any process: a year.
const maxSeconds = 366 * 24 * 3600

func (p *Policy) check() error {
	if p.Error <= 0 || p.Error > recipe.MaxError {
		return fmt.Errorf("the policy accepts an error of %g; want a share above 0, and %g at most", p.Error, recipe.MaxError)
	}
	if p.Device == "" {
		return errors.New("the policy names no device")
	}
	if p.lastLook() > recipe.MaxRounds {
		return fmt.Errorf("the policy has %d rounds; at most %d can be judged", p.lastLook(), recipe.MaxRounds)
	}
	last := 0
	for _, look := range p.Looks {
		if look <= last {
			return fmt.Errorf("the policy looks after %d rounds; want rising numbers", p.Looks)
		}
		last = look
	}
	if p.Canary < 1 || p.Canary > recipe.MaxCanary {
		return fmt.Errorf("the policy has %d rounds of the canary; want 1 to %d", p.Canary, recipe.MaxCanary)
	}
	for figure, loss := range p.Kernels {
		if loss < 0 {
			return fmt.Errorf("the policy lets kernels lose %d of %q", loss, figure)
		}
	}
	if p.Settle < 0 || p.Budget < 0 || p.ImageSize < 0 || p.Divergence < 0 || p.Load < 0 {
		return errors.New("the policy has a negative number")
	}
	return nil
}

// checkRuns makes sure that nothing the policy limits was left out.
func (e *Evidence) checkRuns() error {
	measured := map[string][]string{}
	for _, r := range e.Runs {
		measured[r.Class] = append(measured[r.Class], r.Tests...)
	}
	if e.Baseline != nil {
		for _, class := range e.Policy.Classes {
			if measured[class] == nil {
				return fmt.Errorf("no run is of class %q, which the policy wants", class)
			}
		}
	}
	want := slices.Sorted(maps.Keys(e.Policy.Limits))
	for class, tests := range measured {
		slices.Sort(tests)
		if !slices.Equal(tests, want) {
			return fmt.Errorf("the runs of class %q have the tests %q; the policy limits %q", class, tests, want)
		}
	}
	return nil
}

// KeysOnce reports a key that some object of a JSON document has twice, in whatever case: readers differ in which of them counts.
func KeysOnce(data []byte) error { return onceOnly(json.NewDecoder(bytes.NewReader(data))) }

// onceOnly reads the next value.
func onceOnly(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name := strings.ToLower(key.(string))
			if seen[name] {
				return fmt.Errorf("key %q is there twice", name)
			}
			seen[name] = true
		}
		if err := onceOnly(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
