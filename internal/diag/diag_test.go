package diag

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestPosString(t *testing.T) {
	t.Parallel()
	for want, pos := range map[string]Pos{
		"":         {},
		"a.yaml":   {File: "a.yaml", Col: 3},
		"a.yaml:7": {File: "a.yaml", Line: 7},
		"a.yaml:7:1": {
			File: "a.yaml", Line: 7, Col: 1},
		"7:1": {Line: 7, Col: 1},
	} {
		if got := pos.String(); got != want {
			t.Errorf("%#v is %q, want %q", pos, got, want)
		}
	}
}

func TestListErrSortsByPlace(t *testing.T) {
	t.Parallel()
	var l List
	if l.Err() != nil {
		t.Fatal("an empty list is an error")
	}
	l.Add(Pos{File: "b.yaml", Line: 1}, "", "third")
	l.Add(Pos{File: "a.yaml", Line: 10, Col: 2}, "", "second")
	l.Add(Pos{File: "a.yaml", Line: 9, Col: 7}, "", "first %q", "x")
	l.Add(Pos{File: "b.yaml", Line: 1}, "", "fourth")
	want := "a.yaml:9:7: first \"x\"\na.yaml:10:2: second\nb.yaml:1: third\nb.yaml:1: fourth"
	if diff := cmp.Diff(want, l.Err().Error()); diff != "" {
		t.Error(diff)
	}
	if l[0].Msg != "third" {
		t.Error("Err reordered the list itself")
	}
}

func TestAtPlacesOnlyWhatHasNoPlace(t *testing.T) {
	t.Parallel()
	var l List
	l.Add(Pos{}, "", "unknown")
	l.Add(Pos{File: "b", Line: 2}, "", "known")
	err := l.Err()
	placed := At(fmt.Errorf("load: %w", err), Pos{File: "a", Line: 1})
	if diff := cmp.Diff("a:1: unknown\nb:2: known", placed.Error()); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(err.Error(), "unknown") {
		t.Error("At changed its operand")
	}
	if plain := errors.New("x"); At(plain, Pos{File: "a"}) != plain {
		t.Error("At changed an error of another kind")
	}
}

func TestErrorCause(t *testing.T) {
	t.Parallel()
	if err := error(&Error{Cause: fs.ErrNotExist}); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not found")
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 300) + " here " + strings.Repeat("b", 300)
	fsys := fstest.MapFS{
		"a.yaml": {Data: []byte("\ufeffname: x\r\npatchs: [mmq]\n\n\tkéy: \x1b[31m\"a b\", c\n" + long + "\nlast")},
	}
	var l List
	l.Add(Pos{File: "a.yaml", Line: 1, Col: 1}, "", "a file with a mark and CRLF")
	l.Add(Pos{File: "a.yaml", Line: 2, Col: 1}, "one hint", "unknown key %q", "patchs")
	l.Add(Pos{File: "a.yaml", Line: 2, Col: 1}, "another hint", "the same place")
	l.Add(Pos{File: "a.yaml", Line: 2}, "", "a line without a column")
	l.Add(Pos{File: "a.yaml", Line: 3, Col: 1}, "", "an empty line")
	l.Add(Pos{File: "a.yaml", Line: 4, Col: 7}, "", "control characters")
	l.Add(Pos{File: "a.yaml", Line: 4, Col: 12}, "", "a quoted text")
	l.Add(Pos{File: "a.yaml", Line: 5, Col: 302}, "", "a long line")
	l.Add(Pos{File: "a.yaml", Line: 6, Col: 5}, "", "behind the last character")
	l.Add(Pos{File: "a.yaml", Line: 99, Col: 1}, "", "behind the file")
	l.Add(Pos{File: "gone.yaml", Line: 1, Col: 1}, "", "a file that cannot be read")
	l.Add(Pos{}, "", "no place")
	var e *Error
	if !errors.As(l.Err(), &e) {
		t.Fatal("not an *Error")
	}
	e.Fill(fsys)
	var out bytes.Buffer
	e.Print(&out)
	const file = "testdata/print.out"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	options := []string{"patches", "cmake", "repository", "rocm-mmq", "rocm", "cpu", "image.tags", "image.repository"}
	for word, want := range map[string]string{
		"patchs":                   "patches",
		"ptaches":                  "patches", // two neighbours swapped
		"CMAKE":                    "cmake",
		"repo":                     "repository", // the beginning of one option
		"image":                    "",           // of two
		"rocm-mqm":                 "rocm-mmq",
		"rcom":                     "rocm",
		"benchmark":                "",
		"x":                        "",
		"":                         "",
		strings.Repeat("z", 1<<20): "",
	} {
		if got := Nearest(word, options); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}

// FuzzPrint: whatever the file and the place, printing does not panic and no control character gets through.
func FuzzPrint(f *testing.F) {
	f.Add([]byte("a: b\n"), 1, 1)
	f.Add([]byte("\xff\x1b[31m"), 1, 3)
	f.Add([]byte(strings.Repeat("é", 500)), 1, 400)
	f.Fuzz(func(t *testing.T, data []byte, line, col int) {
		var l List
		l.Add(Pos{File: "f", Line: line, Col: col}, "", "m")
		e := &Error{Problems: l}
		e.AddSource("f", data)
		var out bytes.Buffer
		e.Print(&out)
		if !utf8.Valid(out.Bytes()) || bytes.ContainsAny(out.Bytes(), "\x1b\r\t\x00") {
			t.Errorf("%q", out.Bytes())
		}
	})
}
