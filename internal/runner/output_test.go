package runner

import (
	"bytes"
	"strings"
	"testing"

	"strix-build/internal/program"
)

func TestEndingIsTakenOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parts  []string
		passed string
		status int
		ok     bool
		used   program.Usage
	}{
		{[]string{"said\n", "\x00m 3\n"}, "said\n", 3, true, program.Usage{}},
		{[]string{"sa", "id\x00", "m", " 0\n"}, "said", 0, true, program.Usage{}},
		{[]string{"\x00m {\"cpu\":5,\"memory\":7}\n\x00m 137\n"}, "", 137, true, program.Usage{CPU: 5, Memory: 7}},
		{[]string{"a\x00b\x00", "\x00n 1\n", "\x00m 1\n"}, "a\x00b\x00\x00n 1\n", 1, true, program.Usage{}},
		{[]string{"no end"}, "no end", 0, false, program.Usage{}},
		{[]string{"\x00m "}, "", 0, false, program.Usage{}},
	} {
		var out bytes.Buffer
		e := &ending{to: &out, mark: "m"}
		for _, p := range c.parts {
			if n, err := e.Write([]byte(p)); n != len(p) || err != nil {
				t.Errorf("%q: %d, %v", p, n, err)
			}
		}
		status, ok := e.status()
		if out.String() != c.passed || status != c.status || ok != c.ok || e.used() != c.used {
			t.Errorf("%q: passed %q, status %d, %t, used %+v", c.parts, out.String(), status, ok, e.used())
		}
	}
}

// FuzzEnding: what does not hold the mark comes out as it went in, however it is cut.
func FuzzEnding(f *testing.F) {
	f.Add([]byte("said\x00and said"), 3)
	f.Add([]byte("\x00\x00m"), 1)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if bytes.Contains(data, []byte("\x00mark")) {
			return
		}
		var out bytes.Buffer
		e := &ending{to: &out, mark: "mark"}
		cut = min(max(cut, 0), len(data))
		for _, p := range [][]byte{data[:cut], data[cut:], []byte("\n")} {
			if _, err := e.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if got := out.String() + string(e.held); got != string(data)+"\n" {
			t.Errorf("%q became %q", data, got)
		}
		if _, ok := e.status(); ok {
			t.Errorf("%q has a status", data)
		}
	})
}

func TestQuote(t *testing.T) {
	t.Parallel()
	const want = `a/b.c=d '' 'it'\''s' ''\\'n' 'a b' '$x' '=y'`
	if got := quote("a/b.c=d", "", "it's", `\n`, "a b", "$x", "=y"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if strings.Contains(quote(guardScript), `\0`) {
		t.Error("fish would read the script otherwise")
	}
}
