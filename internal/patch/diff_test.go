package patch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strix-build/internal/diag"
)

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	return readFrom(t, filepath.Join("testdata", "file", name))
}

func readFrom(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestNormaliseKeepsOnlyTheChange(t *testing.T) {
	t.Parallel()
	got, err := Normalise(readTestdata(t, "mail.patch"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/file/mail.out", got)
	for what, data := range map[string][]byte{"itself": got, "its CRLF form": readTestdata(t, "crlf.patch")} {
		again, err := Normalise(data)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s normalises to something else (%v):\n%s", what, err, again)
		}
	}
}

// A patch to a file with CRLF line ends has LF headers; its hunks must keep their carriage returns.
func TestNormaliseKeepsCarriageReturnsOfTheFile(t *testing.T) {
	t.Parallel()
	in := strings.NewReplacer("-x\n", "-x\r\n", "+y\n", "+y\r\n").Replace(onePatch)
	got, err := Normalise([]byte(in))
	if err != nil || string(got) != in {
		t.Errorf("%v\n%q", err, got)
	}
}

func TestCheckReportsEveryProblem(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unsafe", "empty", "diff-u", "miscount", "crlf", "cut-off", "far"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := readTestdata(t, name+".patch")
			_, err := NewFile("tiles/0001-"+name+".patch", data, diag.Pos{})
			golden(t, "testdata/file/"+name+".out", shown(t, err))
		})
	}
}

// The normal form must not lose what Check refuses: the mode of a symlink that stays one is on the index line only.
func TestCheckOfNormalisedDiffRefusesTheSame(t *testing.T) {
	t.Parallel()
	data, err := Normalise(readTestdata(t, "unsafe.patch"))
	if err != nil {
		t.Fatal(err)
	}
	err = Check(File{Name: "tiles/0001-unsafe.patch", Data: data})
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	_, before := NewFile("tiles/0001-unsafe.patch", readTestdata(t, "unsafe.patch"), diag.Pos{})
	var want *diag.Error
	errors.As(before, &want)
	if len(e.Problems) != len(want.Problems) {
		t.Errorf("got %d problems, want %d:\n%v", len(e.Problems), len(want.Problems), err)
	}
	for i, p := range e.Problems {
		if i < len(want.Problems) && p.Msg != want.Problems[i].Msg {
			t.Errorf("%q, want %q", p.Msg, want.Problems[i].Msg)
		}
	}
}

func TestHunkOfGitApplyMessage(t *testing.T) {
	t.Parallel()
	f, err := NewFile("tiles/0001.patch", readTestdata(t, "mail.patch"), diag.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	index, header, ok := f.Hunk("src/a.c", 10)
	if !ok || index != 2 || header != "@@ -10,2 +11,2 @@" {
		t.Errorf("%d %q %v", index, header, ok)
	}
	if _, _, ok := f.Hunk("src/a.c", 11); ok {
		t.Error("found a hunk at a line where none begins")
	}
	if _, _, ok := f.Hunk("other", 10); ok {
		t.Error("found a hunk of a file that is not there")
	}
}

// FuzzSeries: a patch never panics, its problems are at lines it has, and what is accepted stays as it is.
func FuzzSeries(f *testing.F) {
	files, err := filepath.Glob("testdata/file/*.patch")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		f.Add(readTestdata(f, filepath.Base(file)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := NewFile("s/0001-x.patch", data, diag.Pos{})
		if err != nil {
			checkPlaces(t, err, data)
			return
		}
		again, err := Normalise(file.Data)
		if err != nil || !bytes.Equal(again, file.Data) {
			t.Fatalf("normalised twice (%v):\n%q\n%q", err, file.Data, again)
		}
		if err := Check(file); err != nil {
			t.Fatalf("accepted, but the normal form is not: %v\n%q", err, file.Data)
		}
	})
}

func checkPlaces(t *testing.T, err error, data []byte) {
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *diag.Error", err)
	}
	lines := bytes.Count(data, []byte("\n")) + 1
	for _, p := range e.Problems {
		if p.Pos.File != "s/0001-x.patch" || p.Pos.Line < 0 || p.Pos.Line > lines {
			t.Errorf("%s is outside the file of %d lines", p, lines)
		}
	}
}
