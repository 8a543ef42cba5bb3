package ab

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"strix-build/internal/factorial"
	"strix-build/internal/gate"
)

// maxSeconds is longer than any build: a year.
const maxSeconds = 366 * 24 * 3600

// Read reads a document and computes again what its matrix shows.
func Read(data []byte) (*Document, error) {
	var d Document
	if err := gate.Decode(data, Version, &d); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	d.Matrix.Conclude()
	return &d, nil
}

// Marshal is the document as it is kept.
func (d *Document) Marshal() ([]byte, error) {
	data, err := json.MarshalIndent(d, "", " ")
	return append(data, '\n'), err
}

// check reports what would make reading meaningless.
func (d *Document) check() error {
	if err := d.Rules.Check(); err != nil {
		return err
	}
	if err := d.checkFactors(); err != nil {
		return err
	}
	plan, err := d.Plan()
	if err != nil {
		return err
	}
	if err := d.Matrix.Check(); err != nil {
		return fmt.Errorf("matrix: %w", err)
	}
	if len(d.Arms) != len(plan.Arms) || len(d.Matrix.Arms) != len(plan.Arms) {
		return fmt.Errorf("%d arms, %d of them measured; the design has %d", len(d.Arms), len(d.Matrix.Arms), len(plan.Arms))
	}
	for i, c := range plan.Arms {
		if err := d.checkArm(i, c); err != nil {
			return fmt.Errorf("arm %d: %w", i+1, err)
		}
	}
	return nil
}

// Check reports rules that say nothing.
func (r Rules) Check() error {
	for _, x := range []float64{r.Limit, r.Error, r.Steady} {
		if !(x > 0 && x < 1) || math.IsNaN(x) {
			return fmt.Errorf("rules of limit %g, error %g, steady %g; want shares between 0 and 1", r.Limit, r.Error, r.Steady)
		}
	}
	return nil
}

func (d *Document) checkFactors() error {
	var names []string
	for _, f := range d.Factors {
		if f.Name == "" || f.Name == Stock || slices.Contains(names, f.Name) {
			return fmt.Errorf("factor %q has no name, or another's", f.Name)
		}
		if !slices.Contains([]Kind{Patch, Feature, CMake, Env, Arg, FA, KV}, f.Kind) {
			return fmt.Errorf("factor %q is of kind %q", f.Name, f.Kind)
		}
		names = append(names, f.Name)
	}
	return nil
}

// checkArm compares an arm with what the design and the factors say that it is.
func (d *Document) checkArm(i int, c factorial.Combination) error {
	on := []string{}
	for _, f := range c.Factors() {
		on = append(on, d.Factors[f].Name)
	}
	if !slices.Equal(d.Arms[i].On, on) {
		return fmt.Errorf("it has %q on, and the design %q", d.Arms[i].On, on)
	}
	if b := d.Arms[i].Built; b != nil && !(b.Seconds >= 0 && b.Seconds < maxSeconds && b.Hits >= 0 && b.Misses >= 0) {
		return fmt.Errorf("it was built in %g s, with %d of its objects cached and %d not", b.Seconds, b.Hits, b.Misses)
	}
	got, want := d.Matrix.Arms[i], Run(d.Factors, c)
	if got.Build != d.Base {
		return fmt.Errorf("its base is %q, and the others' %q: arms that differ in base cannot be compared", got.Build, d.Base)
	}
	want.Subject = got.Subject
	x, errX := json.Marshal(got)
	y, errY := json.Marshal(want)
	if errX != nil || errY != nil || string(x) != string(y) {
		return fmt.Errorf("it is run as %s, and its factors say %s", x, y)
	}
	for j := range i { // one image where the builds are the same, and no other
		same := Image(d.Factors, c) == d.combination(j)
		if alike := d.Arms[i].Key == d.Arms[j].Key && got.Digest == d.Matrix.Arms[j].Digest; same && !alike {
			return fmt.Errorf("it has another image than arm %d, and is built of the same", j+1)
		}
	}
	return nil
}

// combination is an arm's, as far as it is built.
func (d *Document) combination(arm int) factorial.Combination {
	var c factorial.Combination
	for i, f := range d.Factors {
		if slices.Contains(d.Arms[arm].On, f.Name) {
			c |= 1 << i
		}
	}
	return Image(d.Factors, c)
}
