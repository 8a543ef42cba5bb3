package tag

import (
	"strings"
	"testing"
	"time"
)

func TestParseIsTheInverseOfString(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 29, 23, 59, 0, 0, time.FixedZone("", -3600)) // the 30th in UTC
	fixed, err := Of("rocm-mmq-seed", 8779, "75f3bc94e123", "sha256:0b7104da481d", day)
	if err != nil {
		t.Fatal(err)
	}
	if got := fixed.String(); got != "rocm-mmq-seed-b8779-75f3bc9-0b7104d-20261130" {
		t.Error(got)
	}
	if got := fixed.Day(); !got.Equal(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)) {
		t.Error(got)
	}
	for text, want := range map[string]Tag{
		fixed.String():                   fixed,
		"rocm-mmq":                       {Kind: Channel, Recipe: "rocm-mmq"},
		"rocm-mmq-candidate":             {Kind: Candidate, Recipe: "rocm-mmq"},
		"rocm-mmq-lkg":                   {Kind: LastGood, Recipe: "rocm-mmq"},
		"b8779-75f3bc9-0b7104d-20261130": {Kind: Channel, Recipe: "b8779-75f3bc9-0b7104d-20261130"}, // no recipe before it
		"a-b1-75f3bc9-0b7104d":           {Kind: Channel, Recipe: "a-b1-75f3bc9-0b7104d"},
		"r-b1-75f3bc9-0b7104d-20261332":  {Kind: Other, Recipe: "r-b1-75f3bc9-0b7104d-20261332"}, // no day
		"r-b99999999999999999999-75f3bc9-0b7104d-20261130": {Kind: Other, Recipe: "r-b99999999999999999999-75f3bc9-0b7104d-20261130"},
		"sha256-" + strings.Repeat("0", 64):                {Kind: Referrers, Recipe: "sha256-" + strings.Repeat("0", 64)},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       `tag "": want`,
		"-lkg":                   `tag "-lkg": want`,
		"a/b":                    `tag "a/b": want`,
		strings.Repeat("a", 129): "want up to 128",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for name, want := range map[string]string{
		"rocm-lkg":                          `"rocm-lkg" is what the last good image of "rocm" is called`,
		"x-candidate":                       `"x-candidate" is what the candidate of "x" is called`,
		"x-anchor":                          `"x-anchor" is what the first good image of "x" is called`,
		"x-test":                            `"x-test" is what the companion of "x" is called`,
		"x-b1-75f3bc9-0b7104d-99999999":     `"x-b1-75f3bc9-0b7104d-99999999" reads as a fixed tag without a day or a build`,
		"x-b1-75f3bc9-0b7104d-20261130":     `"x-b1-75f3bc9-0b7104d-20261130" reads as a fixed tag`,
		"sha256-" + strings.Repeat("a", 64): "reads as a referrers tag",
		strings.Repeat("a", 95):             "is too long: tags have 128 letters at most, and 34 come after it",
	} {
		if err := CheckRecipe(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	for _, name := range []string{"rocm-mmq", "test", "rocm-tests", strings.Repeat("a", 94)} {
		if err := CheckRecipe(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Of("rocm", 0, "75f3bc94e", "0b7104da", time.Now()); err == nil {
		t.Error("a tag without a build")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"rocm", "rocm-lkg", "rocm-b8779-75f3bc9-0b7104d-20261130", "a-b0001-1234567-1234567-20200101"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := Parse(s); err == nil && got.String() != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
