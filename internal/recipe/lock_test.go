package recipe

import (
	"fmt"
	"io/fs"
	"math/rand"
	"testing"
	"testing/fstest"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// values only: where they stood is not part of a lock.
var noPlaces = cmp.Options{cmpopts.IgnoreTypes(diag.Pos{}, strictyaml.Places{}), cmpopts.EquateEmpty()}

func TestLockIsWrittenAsRead(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(testProject, "recipes/stable.lock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := LoadLock(testProject, "stable")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(l.Encode())); diff != "" {
		t.Error(diff)
	}
	if p := l.Patches["mmq-gfx1151"]; p.Pull != 21344 || p.Window.String() != ">=b8850 <b9992" || l.LlamaCpp.Build != 9909 {
		t.Errorf("%+v", l)
	}
}

func hex(r *rand.Rand, n int) Text {
	out := make([]byte, n)
	for i := range out {
		out[i] = "0123456789abcdef"[r.Intn(16)]
	}
	return Text{Value: string(out)}
}

// someNames are keys that YAML would take for something else if they were not quoted.
var someNames = []string{"mmq-gfx1151", "null", "true", "no", "y", "1e5", "0x1f", "a.b", "b-", "2026-01-31", "-", "~"}

func someLock(r *rand.Rand) *Lock {
	l := &Lock{
		Version: LockVersion, Track: Text{Value: "stable"},
		LlamaCpp: LockedSource{
			URL: Text{Value: "https://example.org/llama.cpp"}, Commit: hex(r, 40), Build: version.Build(1 + r.Intn(20000)),
			Time: Text{Value: fmt.Sprintf("2026-01-%02dT00:00:00Z", 1+r.Intn(28))},
		},
		Patches: map[string]LockedPatch{}, Containers: map[string]LockedBase{},
	}
	for _, i := range r.Perm(len(someNames))[:r.Intn(5)] {
		lo := 1 + r.Intn(9000)
		w, err := version.ParseWindow(fmt.Sprintf(">=b%d <b%d", lo, lo+1+r.Intn(9)))
		if err != nil {
			panic(err)
		}
		p := LockedPatch{Window: w, SHA256: hex(r, 64)}
		if r.Intn(2) == 0 {
			p.Pull, p.Base, p.Head = 1+r.Intn(30000), hex(r, 40), hex(r, 40)
		}
		l.Patches[someNames[i]] = p
	}
	for _, i := range r.Perm(len(someNames))[:r.Intn(5)] {
		b := LockedBase{Image: Text{Value: "docker.io/library/debian:sid@sha256:" + hex(r, 64).Value}}
		if r.Intn(2) == 0 {
			b = LockedBase{Bootstrap: Text{Value: "sid"}}
		}
		l.Containers[someNames[i]] = b
	}
	return l
}

// TestLockRoundTrip: what is written is read back, and equal locks are equal bytes.
func TestLockRoundTrip(t *testing.T) {
	t.Parallel()
	property := func(seed int64) bool {
		l := someLock(rand.New(rand.NewSource(seed)))
		text := l.Encode()
		got, err := LoadLock(fstest.MapFS{"recipes/stable.lock.yaml": {Data: text}}, "stable")
		if err != nil {
			t.Logf("%v\n%s", err, text)
			return false
		}
		if diff := cmp.Diff(l, got, noPlaces); diff != "" {
			t.Log(diff)
			return false
		}
		return string(got.Encode()) == string(text)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 200}); err != nil {
		t.Error(err)
	}
}

// TestLockTruncated: a lock that was cut off anywhere does not load as another lock that is complete.
func TestLockTruncated(t *testing.T) {
	t.Parallel()
	whole := someLock(rand.New(rand.NewSource(3))).Encode()
	source := len(lockHeader) + len("version: 1\ntrack: \"stable\"\nllama.cpp:\n")
	for n := range source + 100 {
		if _, err := LoadLock(fstest.MapFS{"recipes/stable.lock.yaml": {Data: whole[:n]}}, "stable"); err == nil {
			t.Errorf("the first %d bytes load as a lock:\n%s", n, whole[:n])
		}
	}
}
