package series

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/patch"
	"strix-build/internal/upstream/upstreamtest"
)

// A message says what the header says, also after git has cleaned it up.
func TestMessageIsReadBack(t *testing.T) {
	t.Parallel()
	dir := upstreamtest.NewCheckout(t)
	random := rand.New(rand.NewPCG(7, 7))
	words := strings.Fields("tiles: Why: #21344 a-b (x) — 100 % `code` Note: end. Patch: " + strings.Repeat("long", 30) + " x y z see also:")
	text := func(n int) string {
		var out []string
		for range random.IntN(n + 1) {
			out = append(out, words[random.IntN(len(words))])
		}
		return strings.Join(out, " ")
	}
	for i := range 60 {
		m := message{Header: patch.Header{Title: "area: title " + text(3), Why: "because " + text(60), Status: text(20), Expect: text(9), Origin: text(30)},
			Set: "set", File: fmt.Sprintf("b1/%04d-x.patch", i)}
		got := parseMessage(m.String())
		if !got.same(m) || got.Set != m.Set || got.File != m.File {
			t.Fatalf("-want +got:\n%s\n%s", cmp.Diff(m, got), m)
		}
		if i%10 > 0 {
			continue // a process each
		}
		upstreamtest.Git(t, dir, "commit", "-q", "--allow-empty", "-m", m.String())
		if got := parseMessage(upstreamtest.Git(t, dir, "log", "-1", "--format=%B")); !got.same(m) || got.File != m.File {
			t.Errorf("through git (-want +got):\n%s", cmp.Diff(m, got))
		}
	}
}

func TestMessagesThatPeopleWrote(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want message
	}{
		"a title": {"title\n", message{Header: patch.Header{Title: "title"}}},
		"nothing": {"", message{}},
		"paragraphs and a sentence with a colon": {"title\n\none\ntwo\n\nNote: this is no trailer\n\nSigned-off-by: me\n",
			message{Header: patch.Header{Title: "title", Why: "one\ntwo\n\nNote: this is no trailer"}}},
		"folded trailers": {"title\n\nOrigin: a\n  b\n\tc\nPatch-Set: set\n", message{Header: patch.Header{Title: "title", Origin: "a b c"}, Set: "set"}},
		"squashed": {"title\n\nwhy\n\nPatch-Set: set\nPatch-File: b1/0001-a.patch\n\nother\n\nPatch-Set: set\nPatch-File: b1/0002-b.patch\n",
			message{Header: patch.Header{Title: "title", Why: "why\n\nother"}, Set: "set", File: "b1/0001-a.patch"}},
	} {
		if d := cmp.Diff(tc.want, parseMessage(tc.text)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestSlugIsAFileName(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"ggml-cuda: 64 rows and 4 warps": "64-rows-and-4-warps", "no area": "no-area", "": "patch", "…: —": "patch", "a:": "a",
		"x: " + strings.Repeat("y", 99): strings.Repeat("y", slugWidth), "MMQ/tiles_of .. ../x": "mmq-tiles-of-x",
	} {
		if got := slugOf(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}

// TestMailsTrailersComeOnce: git format-patch leaves them at the end of the body, where they are no reason.
func TestMailsTrailersComeOnce(t *testing.T) {
	t.Parallel()
	text := "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@localhost>\n" +
		"Date: Mon, 6 Jul 2026 08:41:39 +0200\nSubject: [PATCH] two slots\n\nWhy not.\n\nUpstream-Status: Inappropriate [mine]\n" +
		"Origin: own work\n---\n a | 2 +-\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n"
	m, err := newMessage(Patch{Set: "set", Path: "b1/0001-two-slots.patch", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	want := "two slots\n\nWhy not.\n\nUpstream-Status: Inappropriate [mine]\nOrigin: own work\nPatch-Set: set\nPatch-File: b1/0001-two-slots.patch\n"
	if m.String() != want {
		t.Errorf("%s", m)
	}
}
