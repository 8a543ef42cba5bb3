package ab

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"testing"

	"strix-build/internal/factorial"
)

// FuzzRead: what is read can be concluded and shown, whatever is in it.
func FuzzRead(f *testing.F) {
	for _, designs := range [][]factorial.Design{nil, {factorial.OneAtATime}} {
		d := of(f, planted, designs, fight)
		d.Matrix.Samples = d.Matrix.Samples[:20]
		data, err := d.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(bytes.Replace(data, []byte(`"round": 1`), []byte(`"round": -7`), 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Read(data)
		if err != nil {
			return
		}
		r, err := d.Conclude()
		if err != nil {
			t.Fatalf("it was read, and not concluded: %v", err)
		}
		if len(d.Text(r, 80)) == 0 || len(d.Markdown(r)) == 0 {
			t.Error("it shows nothing")
		}
	})
}

var figure = regexp.MustCompile(`-?\b[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?\b`)

// TestOddFigures is the fuzz test for figures alone, which random bytes seldom are.
func TestOddFigures(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 1))
	d := of(t, planted[:2], nil, fight)
	d.Matrix.Samples = d.Matrix.Samples[:24]
	data, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	places := figure.FindAllIndex(data, -1)
	odd := []string{"0", "-1", "1", "7", "1e300", "-1e300", "1e-300", "9007199254740993", "2147483648"}
	read := 0
	for range 200 {
		at := places[rng.IntN(len(places))]
		changed := string(data[:at[0]]) + odd[rng.IntN(len(odd))] + string(data[at[1]:])
		d, err := Read([]byte(changed))
		if err != nil {
			continue
		}
		read++
		r := conclude(t, d)
		if d.Text(r, 80) == "" || d.Markdown(r) == "" {
			t.Error("it shows nothing")
		}
	}
	if read < 30 {
		t.Errorf("%d of 200 are read at all", read)
	}
}
