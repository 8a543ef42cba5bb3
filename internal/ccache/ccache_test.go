package ccache

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// object is the name of a cached object.
func object(n int) string {
	h := fmt.Sprintf("%040x", n)
	return h[38:39] + "/" + h[39:] + "/" + h
}

// put writes an object that was used at a time.
func put(t *testing.T, dir, name string, size int, used time.Time) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, used, used); err != nil {
		t.Fatal(err)
	}
}

// remote is a registry's side: an index, and the layers as files by their hex.
type remote struct {
	Index
	files map[string]string
}

func (r *remote) pack(t *testing.T, dir string, since time.Time, most int64) (changed bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer")
	x, changed, err := Pack(t.Context(), dir, r.Index, since, most, file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	if r.Index, err = ReadIndex(data); err != nil {
		t.Fatal(err)
	}
	if r.files == nil {
		r.files = map[string]string{}
	}
	if _, err := os.Stat(file); err == nil {
		l := r.Layers[len(r.Layers)-1]
		if info, err := os.Stat(file); err != nil || info.Size() != l.Size {
			t.Errorf("layer of %d bytes, %v; the index says %d", info.Size(), err, l.Size)
		}
		r.files[l.Digest] = file
	}
	return changed
}

// take brings to dir what it lacks, and gives the number of layers that were fetched.
func (r *remote) take(t *testing.T, dir string) int {
	t.Helper()
	var all []string
	for _, l := range r.Layers {
		all = append(all, l.Digest)
	}
	s, err := Look(dir, all)
	if err != nil {
		t.Fatal(err)
	}
	from := t.TempDir()
	for _, d := range s.Missing {
		if err := os.Link(r.files[d], filepath.Join(from, strings.TrimPrefix(d, "sha256:"))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Take(t.Context(), dir, from); err != nil {
		t.Fatal(err)
	}
	return len(s.Missing)
}

func content(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	entries, times, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for n, e := range entries {
		out[n+" "+times[n].UTC().Format(time.DateOnly)] = e.Size
	}
	return out
}

// TestWeeks: a machine that has nothing takes what the last one left, and sends only what is new.
func TestWeeks(t *testing.T) {
	t.Parallel()
	var r remote
	first := t.TempDir()
	for i := range 10 {
		put(t, first, object(i), 100+i, monday)
	}
	put(t, first, object(77), 50, monday.Add(-day)) // another container's
	put(t, first, "stats", 10, monday)
	put(t, first, "3/CACHEDIR.TAG", 10, monday)
	put(t, first, "tmp/cpp.abc123", 10, monday)
	if !r.pack(t, first, monday, 1e6) || len(r.Layers) != 1 || len(r.Layers[0].Entries) != 10 {
		t.Fatalf("%+v", r.Index)
	}
	if r.take(t, first) != 0 {
		t.Error("what was just packed would be fetched")
	}

	second := t.TempDir()
	if r.take(t, second) != 1 || r.take(t, second) != 0 {
		t.Error("a layer is fetched once")
	}
	want := map[string]int64{}
	for i := range 10 {
		want[object(i)+" 2026-11-23"] = int64(100 + i)
	}
	if d := cmp.Diff(want, content(t, second)); d != "" {
		t.Errorf("taken in (-want +got):\n%s", d)
	}
	next := monday.Add(7 * day)
	put(t, second, object(0), 100, next) // a hit
	put(t, second, object(1), 222, next) // a list of what a source included, longer now
	put(t, second, object(100), 300, next)
	if !r.pack(t, second, next, 1e6) || len(r.Layers) != 2 {
		t.Fatalf("%+v", r.Index)
	}
	var sent []string
	for _, e := range r.Layers[1].Entries {
		sent = append(sent, e.Name)
	}
	wantSent := []string{object(1), object(100)}
	slices.Sort(wantSent)
	if d := cmp.Diff(wantSent, sent); d != "" {
		t.Errorf("sent (-want +got):\n%s", d)
	}
	if r.pack(t, second, next.Add(day), 1e6) {
		t.Error("something is new where nothing was compiled")
	}
}

func TestOldestGoesFirstAndALayerOfLittleUseIsPackedAgain(t *testing.T) {
	t.Parallel()
	var r remote
	dir := t.TempDir()
	for week := range 6 {
		at := monday.Add(time.Duration(week) * 7 * day)
		for i := range 4 {
			put(t, dir, object(week*10+i), 1000, at)
		}
		put(t, dir, object(0), 1000, at) // used each week
		r.pack(t, dir, at, 9000)
	}
	live := map[string]bool{}
	for _, l := range r.Layers {
		for _, e := range l.Entries {
			live[e.Name] = true
		}
	}
	for _, n := range []int{0, 50, 51, 52, 53, 40, 41, 42, 43} {
		if !live[object(n)] {
			t.Errorf("%d is lost", n)
		}
	}
	if n := len(live); n > 18 { // twice what is wanted
		t.Errorf("%d entries are kept: %v", n, slices.Sorted(maps.Keys(live)))
	}
}

func TestManyLayersBecomeFewer(t *testing.T) {
	t.Parallel()
	var r remote
	dir := t.TempDir()
	for week := range mostLayers + 10 {
		at := monday.Add(time.Duration(week) * 7 * day)
		put(t, dir, object(week), 100, at)
		r.pack(t, dir, at, 1e6)
	}
	if n := len(r.Layers); n > mostLayers+1 {
		t.Errorf("%d layers", n)
	}
	empty := t.TempDir()
	r.take(t, empty)
	if n := len(content(t, empty)); n != mostLayers+10 {
		t.Errorf("%d entries of %d", n, mostLayers+10)
	}
}

func TestAnotherMachinesWorkIsKept(t *testing.T) {
	t.Parallel()
	var r remote
	one, two := t.TempDir(), t.TempDir()
	put(t, one, object(1), 100, monday)
	put(t, two, object(2), 100, monday)
	r.pack(t, one, monday, 1e6)
	r.pack(t, two, monday, 1e6) // with the index that the first left, as after a moved tag
	if len(r.Layers) != 2 {
		t.Errorf("%+v", r.Index)
	}
}

func TestTakeRefusesWhatIsNoCache(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "a/../../b", "strix-build/x", "ccache.conf", "0/short"} {
		dir, from := t.TempDir(), t.TempDir()
		f, err := os.Create(filepath.Join(from, "feed"))
		if err != nil {
			t.Fatal(err)
		}
		src := t.TempDir()
		put(t, src, "x", 10, monday)
		if _, err := writeAs(f, src, name); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := Take(t.Context(), dir, from); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is no file of a compiler cache", name)) {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := Look(dir, []string{"sha256:feed"}); err != nil || len(s.Missing) != 1 {
			t.Errorf("%s: taken in: %+v, %v", name, s, err)
		}
	}
	if _, err := ReadIndex([]byte(`{"layers":[{"entries":[{"n":"../x","s":1}]}]}`)); err == nil {
		t.Error("an index with a path out of the cache is read")
	}
	if _, err := ReadIndex([]byte(`[]`)); err == nil {
		t.Error("a list is read as index")
	}
}
