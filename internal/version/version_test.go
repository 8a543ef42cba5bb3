package version

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"testing/quick"
)

func TestParseBuild(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Build{"b9909": 9909, "9909": 9909, "b1": 1, "b999999999": 999999999} {
		if got, err := ParseBuild(in); err != nil || got != want {
			t.Errorf("ParseBuild(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                     `"" is not a build number; write it as b9909`,
		"b":                    `"b" is not a build number; write it as b9909`,
		"bb1":                  `"bb1" is not a build number; write it as b9909`,
		"-5":                   `"-5" is not a build number; write it as b9909`,
		"b99 09":               `"b99 09" is not a build number; write it as b9909`,
		"b0":                   `"b0" is not a build number: b1 to b999999999`,
		"b007":                 `"b007" is not a build number: b1 to b999999999`,
		"18446744073709551617": `"18446744073709551617" is not a build number: b1 to b999999999`,
		"v0.3.0":               `"v0.3.0" is a release name, not a build number; write the bN tag of the same commit`,
	} {
		if got, err := ParseBuild(in); err == nil || err.Error() != want {
			t.Errorf("ParseBuild(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
}

func TestParseWindow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		">=b8850 <b9992":           ">=b8850 <b9992",
		" <9992   >=8850 ":         ">=b8850 <b9992",
		">b8849 <=b9991":           ">=b8850 <b9992",
		">=b1 >=b8850 <b9992 <b10": "",
		">=b5 >=b8850":             ">=b8850",
		"=b9909":                   "=b9909",
		">=b9909 <=b9909":          "=b9909",
		"<b9992":                   "<b9992",
		">=b1":                     ">=b1",
		"<=b1":                     "=b1",
	} {
		w, err := ParseWindow(in)
		switch {
		case want == "" && err == nil:
			t.Errorf("ParseWindow(%q) = %v, want an error", in, w)
		case want != "" && (err != nil || w.String() != want):
			t.Errorf("ParseWindow(%q) = %v, %v; want %v", in, w, err, want)
		}
	}
}

func TestParseWindowErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":             `window "" has no term; write e.g. ">=b8850 <b9992"`,
		"b9909":        `window "b9909": "b9909" begins with none of >=, >, <, <=, =`,
		">= b9909":     `window ">= b9909": ">=" has no build number; write it without a space: >=b9909`,
		">=b9 <b9":     `window ">=b9 <b9" holds no build: it begins at b9 and ends before b9`,
		"<b1":          `window "<b1" holds no build: it begins at b1 and ends before b1`,
		"=b5 =b6":      `window "=b5 =b6" holds no build: it begins at b6 and ends before b6`,
		">=b5,<b9":     `window ">=b5,<b9": "b5,<b9" is not a build number; write it as b9909`,
		">=v0.3.0":     `window ">=v0.3.0": "v0.3.0" is a release name, not a build number; write the bN tag of the same commit`,
		"~b5":          `window "~b5": "~b5" begins with none of >=, >, <, <=, =`,
		">b1000000000": `window ">b1000000000": "b1000000000" is not a build number: b1 to b999999999`,
	} {
		if w, err := ParseWindow(in); err == nil || err.Error() != want {
			t.Errorf("ParseWindow(%q) = %v, %v; want %s", in, w, err, want)
		}
	}
}

func TestZeroWindowHoldsEverything(t *testing.T) {
	t.Parallel()
	var zero, all Window
	if err := all.UnmarshalText([]byte(">=b1")); err != nil {
		t.Fatal(err)
	}
	if !zero.Contains(1) || !zero.Contains(999999999) || !zero.IsZero() || zero.String() != "" {
		t.Error("the zero window leaves builds out")
	}
	if all.IsZero() {
		t.Error("a window that was written down looks like none")
	}
	if !zero.Overlaps(all) || !all.Overlaps(zero) || !zero.Overlaps(zero) {
		t.Error("windows of all builds do not overlap")
	}
}

func TestUnmarshalTextKeepsValueOnError(t *testing.T) {
	t.Parallel()
	b, w := Build(9), Window{lo: 3}
	if b.UnmarshalText([]byte("x")) == nil || w.UnmarshalText([]byte("x")) == nil || b != 9 || w.lo != 3 {
		t.Error(b, w)
	}
}

// small draws terms over few build numbers, so that windows meet and miss each other often.
func small(r *rand.Rand) string {
	terms := make([]string, 1+r.Intn(3))
	for i := range terms {
		terms[i] = fmt.Sprintf("%sb%d", operators[r.Intn(len(operators))], 1+r.Intn(12))
	}
	return strings.Join(terms, " ")
}

// holds is the definition: every term must hold.
func holds(window string, b Build) bool {
	for term := range strings.FieldsSeq(window) {
		op := strings.TrimRight(term, "b0123456789")
		var n Build
		fmt.Sscanf(strings.TrimPrefix(term, op), "b%d", &n)
		if !map[string]bool{">=": b >= n, ">": b > n, "<": b < n, "<=": b <= n, "=": b == n}[op] {
			return false
		}
	}
	return true
}

func TestWindowProperties(t *testing.T) {
	t.Parallel()
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		text, other := small(r), small(r)
		w, err := ParseWindow(text)
		o, otherErr := ParseWindow(other)
		empty, both := true, false
		for b := Build(1); b < 20; b++ {
			empty = empty && !holds(text, b)
			both = both || (holds(text, b) && holds(other, b))
			if err == nil && w.Contains(b) != holds(text, b) {
				return false
			}
		}
		if empty != (err != nil) {
			return false
		}
		if err != nil || otherErr != nil {
			return true
		}
		again, err := ParseWindow(w.String())
		return err == nil && again == w && covers(w, o) && w.Overlaps(o) == both && o.Overlaps(w) == both &&
			w.Contains(w.Lo()) && !w.Contains(w.Lo()-1) && (w.Hi() == 0 || w.Contains(w.Hi()-1) && !w.Contains(w.Hi()))
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// covers compares Covers with what the windows hold.
func covers(w, o Window) bool {
	want := true
	for b := Build(1); b < 20; b++ {
		want = want && (w.Contains(b) || !o.Contains(b))
	}
	var all Window
	return want == w.Covers(o) && w.Covers(w) && all.Covers(w)
}

func TestBuildRoundTrip(t *testing.T) {
	t.Parallel()
	property := func(n uint32) bool {
		b := Build(n%999999999 + 1)
		got, err := ParseBuild(b.String())
		return err == nil && got == b
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}
