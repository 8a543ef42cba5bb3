package main

import (
	"bytes"
	"testing"
)

func TestLocaleAndWidth(t *testing.T) {
	a := &app{}
	for _, c := range []struct {
		all, ctype, lang string
		want             bool
	}{
		{"", "", "", false}, {"", "", "C", false}, {"", "", "en_GB.UTF-8", true}, {"", "", "de_DE.utf8@euro", true},
		{"C", "", "en_GB.UTF-8", false}, {"C.UTF-8", "", "C", true}, {"", "POSIX", "en_GB.UTF-8", false}, {"", "", "de_DE.ISO-8859-1", false},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		if a.utf8() != c.want {
			t.Errorf("%+v", c)
		}
	}
	for columns, want := range map[string]int{"": 80, "100": 100, "7": 40, "100000": 240, "-3": 80, "x": 80} {
		t.Setenv("COLUMNS", columns)
		if got := a.width(&bytes.Buffer{}); got != want {
			t.Errorf("COLUMNS=%s: %d, want %d", columns, got, want)
		}
	}
}
