package patch

import (
	"errors"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

func TestReadHeader(t *testing.T) {
	t.Parallel()
	full := Header{
		Title: "mmq: 64-row tiles on RDNA3.5", Why: "The sums of a wide tile fill the vector registers. Fewer rows leave room.",
		Status: "denied (#21344)", Expect: "moe pp512 up", Origin: "own work",
	}
	for name, tc := range map[string]struct {
		text string
		want Header
	}{
		"own form": {`Subject: mmq: 64-row tiles on RDNA3.5
Why: The sums of a wide tile fill
  the vector registers.
	Fewer rows leave room.
Upstream-Status: denied (#21344)
Expect: moe pp512 up
Origin: own work
`, full},
		"format-patch": {`From 3f496a6eeafdf1170cb1f4b83fa6a5d30e4d8503 Mon Sep 17 00:00:00 2001
From: Somebody <somebody@example.invalid>
Date: Tue, 07 Jul 2026 12:00:00 +0000
Subject: [PATCH 2/3] mmq: 64-row
 tiles on RDNA3.5

Why: The sums of a wide tile fill the vector registers. Fewer rows leave room.

Some text, indented
  or not, that belongs to nobody.
Upstream-Status: denied (#21344)
Expect: moe pp512 up
Origin: own work
---
Origin: not here, this is below the line
`, full},
		"none":     {"", Header{}},
		"brackets": {"Subject: [HIP] less is more\n", Header{Title: "[HIP] less is more"}},
		"crlf":     {"Subject: a\r\n b\r\n", Header{Title: "a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadHeader([]byte(tc.text + "\n" + onePatch + "Origin: behind the diff\n"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestReadHeaderRefusesTwoOfAKind(t *testing.T) {
	t.Parallel()
	_, err := ReadHeader([]byte("Subject: a\nWhy: b\nSubject: c\n"))
	var e *diag.Error
	if want := "3: Subject is there twice; the first is at line 1"; !errors.As(err, &e) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := ReadHeader([]byte("Why: \xff\n")); err == nil || err.Error() != "1: the header is not UTF-8 text" {
		t.Errorf("got %v", err)
	}
}

// someText is words as a header may have them, among them what could be taken for something else.
func someText(r *rand.Rand) string {
	odd := []string{"Why:", "Origin: x", "---", "diff --git a/x b/x", "[PATCH]", "größer", strings.Repeat("long", 40), "@@ -1 +1 @@", "-", "a"}
	var out []string
	for range r.Intn(30) {
		out = append(out, odd[r.Intn(len(odd))])
	}
	return strings.Join(out, " ")
}

func TestHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	property := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		h := Header{Title: "t " + someText(r), Why: someText(r), Status: someText(r), Expect: someText(r), Origin: someText(r)}
		h.Title = strings.TrimSpace(h.Title)
		text := h.String()
		got, err := ReadHeader([]byte(text + "\n" + onePatch))
		return err == nil && got == h && got.String() == text && strings.HasSuffix(text, "\n")
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
	if s := (Header{}).String(); s != "" {
		t.Errorf("an empty header is %q", s)
	}
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/header/*.patch")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".patch")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckHeader("patches/tiles/b10/0001-"+name+".patch", readFrom(t, file))
			if name == "good" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			golden(t, strings.TrimSuffix(file, ".patch")+".out", shown(t, err))
		})
	}
}

func TestCheckHeadersReadsTheWholeSeries(t *testing.T) {
	t.Parallel()
	fsys := project(t, "good.yaml")
	set, err := LoadSet(fsys, "tiles")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/header/series.out", shown(t, CheckHeaders(fsys, set, &set.Variants[0])))
	if err := CheckHeaders(fsys, set, &set.Variants[1]); err != nil {
		t.Errorf("a pull request has no files to check: %v", err)
	}
}
