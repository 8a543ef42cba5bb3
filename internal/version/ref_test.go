package version

import (
	"fmt"
	"math/rand"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func TestParseRelease(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "0.4.0", "v0.4", "v0.4.0.1", "v0.04.0", "v0.4.0-rc1", "b9909", "v1000000000000.0.0", " v0.4.0"} {
		want := fmt.Sprintf("%q is not a release; write it as v0.4.0", in)
		if r, err := ParseRelease(in); err == nil || err.Error() != want {
			t.Errorf("ParseRelease(%q) = %v, %v; want %s", in, r, err, want)
		}
	}
	if s := (Release{}).String(); s != "" {
		t.Errorf("no release is %q", s)
	}
}

func someRelease(r *rand.Rand) Release { return Release{r.Intn(3), r.Intn(3), 1 + r.Intn(3)} }

func TestReleaseProperties(t *testing.T) {
	t.Parallel()
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		a, b, c := someRelease(r), someRelease(r), someRelease(r)
		again, err := ParseRelease(a.String())
		return err == nil && again == a &&
			a.Compare(b) == -b.Compare(a) && (a.Compare(b) == 0) == (a == b) &&
			(a.Compare(b) > 0 || b.Compare(c) > 0 || a.Compare(c) <= 0)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
	list := []Release{{0, 10, 0}, {1, 0, 0}, {0, 9, 9}, {0, 9, 10}}
	slices.SortFunc(list, Release.Compare)
	if got := fmt.Sprint(list); got != "[v0.9.9 v0.9.10 v0.10.0 v1.0.0]" {
		t.Error(got)
	}
}

func TestParseRef(t *testing.T) {
	t.Parallel()
	const id = "2e97c5f96f9fe2bb26f794a348e05d7a1c74baa1"
	for in, want := range map[string]Ref{
		"b9909":           {RefBuild, 9909, Release{}, "b9909"},
		"9909":            {RefBuild, 9909, Release{}, "9909"},
		"b123456":         {RefBuild, 123456, Release{}, "b123456"},
		"b1234567":        {Kind: RefCommit, Text: "b1234567"}, // a short id: there are no ten million builds
		"1234567":         {Kind: RefCommit, Text: "1234567"},
		"v0.4.0":          {RefRelease, 0, Release{0, 4, 0}, "v0.4.0"},
		id:                {Kind: RefCommit, Text: id},
		id + "0":          {Text: id + "0"},
		"2e97c5f":         {Kind: RefCommit, Text: "2e97c5f"},
		"2E97C5F":         {Text: "2E97C5F"},
		"master":          {Text: "master"},
		"worktree":        {Text: "worktree"},
		"refs/tags/b9909": {Text: "refs/tags/b9909"},
		"b0":              {Text: "b0"},
		"v0.4":            {Text: "v0.4"},
		"":                {},
	} {
		if got := ParseRef(in); got != want {
			t.Errorf("ParseRef(%q) = %+v, want %+v", in, got, want)
		}
	}
}

// What a reference prints names the same thing.
func TestRefRoundTrip(t *testing.T) {
	t.Parallel()
	letters := "bv0123456789.af"
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		text := make([]byte, r.Intn(10))
		for i := range text {
			text[i] = letters[r.Intn(len(letters))]
		}
		a := ParseRef(string(text))
		b := ParseRef(a.String())
		return a.Text == string(text) && a.Kind == b.Kind && a.Build == b.Build && a.Release == b.Release
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}

func TestConstraint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		constraint, version string
		want                bool
	}{
		{">=7.2 <7.3", "7.2.4", true},
		{">=7.2 <7.3", "7.3", false},
		{">=7.2 <7.3", "7.2", true},
		{"=7.2", "7.2.4", true},
		{"=7.2", "7.20.4", false},
		{"=7.2.4", "7.2.4.70204-93~24.04", true},
		{">7.2", "7.2.4", false},
		{"<25.2", "1:25.1.9-1~exp1", true},
		{"<25.2", "25.2.0~rc3-1", false},
		{"~25.2", "25.2.6-1+b1", true},
		{"^7", "7.14", true},
		{"!=7.2.4", "7.2.4-1", false},
		{">=0", "v7.2.4", true},
		{"<6 || >=7.2", "7.1.0", false},
		{"<6 || >=7.2", "5.7.1", true},
		{">=24.04", "24.4", true},
	} {
		c, err := ParseConstraint(tc.constraint)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := c.Allows(tc.version); err != nil || got != tc.want {
			t.Errorf("%s allows %s: %v, %v", c, tc.version, got, err)
		}
	}
}

func TestConstraintErrors(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", " ", "7.2", ">= 7.2", ">=7.2,<7.3", ">=7.2 - 7.3", "=7.x", "*", ">=7.2.4-1", ">=v7", ">=7.2 ||", "=1.2.3.4"} {
		want := fmt.Sprintf("%q is not a constraint; write e.g. \">=7.2 <7.3\"", in)
		if c, err := ParseConstraint(in); err == nil || err.Error() != want {
			t.Errorf("ParseConstraint(%q) = %v, %v; want %s", in, c, err, want)
		}
	}
	var none Constraint
	for in, want := range map[string]string{
		"":             `"" does not begin with a version such as 7.2.4`,
		"sid":          `"sid" does not begin with a version such as 7.2.4`,
		"7.9999999999": `"7.9999999999" is not a version: "9999999999" is too large`,
	} {
		if _, err := none.Allows(in); err == nil || err.Error() != want {
			t.Errorf("Allows(%q): %v, want %s", in, err, want)
		}
	}
	if ok, err := none.Allows("7.2.4"); !ok || err != nil || !none.IsZero() || none.String() != "" {
		t.Error("no constraint leaves versions out")
	}
	kept := Constraint{text: "=1"}
	if kept.UnmarshalText([]byte("x")) == nil || kept.text != "=1" {
		t.Error("an error changed the value")
	}
}

// TestConstraintProperties compares with the definition: numbers in order, every term holds.
func TestConstraintProperties(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(Constraint{}.Pattern())
	number := func(n [3]int) int { return n[0]*100 + n[1]*10 + n[2] }
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		v := [3]int{r.Intn(3), r.Intn(3), r.Intn(3)}
		want := true
		var terms []string
		for range 1 + r.Intn(3) {
			b := [3]int{r.Intn(3), r.Intn(3), r.Intn(3)}
			op := []string{">=", "<=", ">", "<", "=", "!="}[r.Intn(6)]
			terms = append(terms, fmt.Sprintf("%s%d.%d.%d", op, b[0], b[1], b[2]))
			d := number(v) - number(b)
			want = want && map[string]bool{">=": d >= 0, "<=": d <= 0, ">": d > 0, "<": d < 0, "=": d == 0, "!=": d != 0}[op]
		}
		text := strings.Join(terms, strings.Repeat(" ", 1+r.Intn(2)))
		c, err := ParseConstraint(text)
		if err != nil || !form.MatchString(text) {
			return false
		}
		again, err := ParseConstraint(c.String())
		got, _ := c.Allows(fmt.Sprintf("%d.%d.%d-1", v[0], v[1], v[2]))
		return err == nil && again.Equal(c) && got == want
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}
