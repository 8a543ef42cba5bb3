package recipe

import (
	"os"
	"strings"
	"testing"

	"strix-build/internal/version"
)

// TestDraftWith pins what each generation of llama.cpp is told; a wrong word makes a server end at once or, worse, draft
// nothing.
func TestDraftWith(t *testing.T) {
	t.Parallel()
	f, err := LoadFlags(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	const (
		old  = "--model-draft d.gguf --draft-max 8 --draft-min 0 --draft-p-min 0"
		mid  = "--model-draft d.gguf --spec-draft-n-max 8 --spec-draft-n-min 0 --draft-p-min 0"
		late = "--spec-type draft-simple " + mid
	)
	for b, want := range map[version.Build]string{8779: old, 8954: old, 8955: mid, 9463: mid, 9464: late, 10470: late} {
		args, err := f.DraftWith(b, "d.gguf", 8)
		if got := strings.Join(args, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", b, got, err, want)
		}
	}
	if _, err := (&Flags{}).DraftWith(8779, "d.gguf", 8); err == nil || err.Error() != "recipes/flags.yaml says under draft: nothing for b8779" {
		t.Error(err)
	}
}

func TestSpeculateWith(t *testing.T) {
	t.Parallel()
	f, err := LoadFlags(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b         version.Build
		way       string
		want, why string
	}{
		{8779, "ngram", "--spec-type ngram-simple", ""},
		{9880, "mtp", "--spec-type draft-mtp --spec-draft-n-max 3", ""},
		{9179, "mtp", "", "recipes/flags.yaml says under speculation: mtp: nothing for b9179"},
		{9880, "magic", "", "recipes/flags.yaml says under speculation: magic: nothing for b9880"},
	} {
		args, err := f.SpeculateWith(c.b, c.way, 3)
		if got := strings.Join(args, " "); got != c.want || (err == nil) != (c.why == "") || err != nil && err.Error() != c.why {
			t.Errorf("%s %s: %q, %v", c.b, c.way, got, err)
		}
	}
}
