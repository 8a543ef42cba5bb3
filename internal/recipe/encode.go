package recipe

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// lockHeader tells a reader who writes the file.
const lockHeader = "# Written by \"strix-build lock\"; edit the recipes and patch sets instead.\n"

// plainKey is a key that needs no quotes in YAML of any version: a word with a dash or a dot is never taken for a
// truth value.
var plainKey = regexp.MustCompile(`^[a-z][a-z0-9]*[-.][a-z0-9.-]*[a-z][a-z0-9.-]*$`)

// Encode returns the lock as YAML: keys in one order, values quoted in one way, so that equal locks are equal bytes
// and a difference is a difference of pins. Places are not written.
func (l *Lock) Encode() []byte {
	w := &lockWriter{}
	w.WriteString(lockHeader)
	fmt.Fprintf(w, "version: %d\n", l.Version)
	w.text(0, "track", l.Track.Value)
	w.WriteString("llama.cpp:\n")
	w.text(1, "url", l.LlamaCpp.URL.Value)
	w.text(1, "commit", l.LlamaCpp.Commit.Value)
	w.text(1, "build", l.LlamaCpp.Build.String())
	w.text(1, "time", l.LlamaCpp.Time.Value)
	if len(l.Patches) > 0 {
		w.WriteString("patches:\n")
	}
	for _, name := range sortedKeys(l.Patches) {
		w.patch(name, l.Patches[name])
	}
	if len(l.Containers) > 0 {
		w.WriteString("containers:\n")
	}
	for _, name := range sortedKeys(l.Containers) {
		w.key(1, name)
		w.text(2, "image", l.Containers[name].Image.Value)
		w.text(2, "bootstrap", l.Containers[name].Bootstrap.Value)
	}
	return w.Bytes()
}

type lockWriter struct{ bytes.Buffer }

func (w *lockWriter) patch(name string, p LockedPatch) {
	w.key(1, name)
	w.text(2, "window", p.Window.String())
	if p.Pull != 0 {
		fmt.Fprintf(w, "    pull: %d\n", p.Pull)
	}
	w.text(2, "base", p.Base.Value)
	w.text(2, "head", p.Head.Value)
	w.text(2, "sha256", p.SHA256.Value)
}

func (w *lockWriter) key(level int, name string) {
	if !plainKey.MatchString(name) {
		name = strconv.QuoteToASCII(name)
	}
	fmt.Fprintf(w, "%*s%s:\n", 2*level, "", name)
}

// text writes a value that is there. Go's quoted form is one of YAML's.
func (w *lockWriter) text(level int, key, value string) {
	if value != "" {
		fmt.Fprintf(w, "%*s%s: %s\n", 2*level, "", key, strconv.QuoteToASCII(value))
	}
}
