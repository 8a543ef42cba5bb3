package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"strix-build/internal/tag"
)

// channelOf releases an image and makes it the channel of a recipe.
func channelOf(t *testing.T, r *Repository, recipe string) string {
	t.Helper()
	rel := release(t, image(t))
	rel.Fixed.Recipe, rel.Recipes = recipe, []string{recipe}
	was, err := r.Head(t.Context(), recipe)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Release(t.Context(), rel)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Promote(t.Context(), recipe, got.Digest, was); err != nil {
		t.Fatal(err)
	}
	if err := r.Follow(t.Context(), recipe); err != nil {
		t.Fatal(err)
	}
	return got.Digest
}

func look(t *testing.T, r *Repository, what string) (string, *Retired) {
	t.Helper()
	digest, gone, err := r.Look(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	return digest, gone
}

func pulled(t *testing.T, repo, tag string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(repo + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	return img
}

// TestTombstone: the name says where to go, the way back is kept, and nothing moves it by accident.
func TestTombstone(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		_, repo := newFake(t, takeAll, referrers)
		r := open(t, repo)
		old, next := channelOf(t, r, "rocm-old"), channelOf(t, r, "rocm")
		gone := Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "its patches are upstream"}
		sign := func(g Retired, digest string) ([]Artifact, error) {
			return []Artifact{{Type: "application/x", Data: []byte(g.Successor + digest)}}, nil
		}
		done, err := r.Retire(t.Context(), gone, Notary{Sign: sign})
		if err != nil || len(done) != 1 {
			t.Fatal(done, err)
		}
		digest, got := look(t, r, "rocm-old")
		if gone.Notice = digest; got == nil || *got != gone {
			t.Errorf("%+v, want %+v", got, gone)
		}
		if good, _ := look(t, r, "rocm-old-lkg"); good != old {
			t.Errorf("last good %s, want %s", good, old)
		}
		if docs, err := r.Attached(t.Context(), digest); err != nil || len(docs) != 1 || string(docs[0].Data) != "rocm"+digest {
			t.Errorf("%+v, %v", docs, err)
		}
		var retired *RetiredError
		if err := r.Promote(t.Context(), "rocm-old", next, digest); !errors.As(err, &retired) || err.Error() != repo+":rocm-old is retired: use "+repo+":rocm (its patches are upstream)" {
			t.Error(err)
		}
		if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm", Successor: "rocm-old", Reason: "swap"}, Notary{}); !errors.As(err, &retired) {
			t.Error(err)
		}
		if again, err := r.Retire(t.Context(), gone, Notary{}); err != nil || again[0].Digest != digest {
			t.Error(again, err)
		}
		if from, to, err := r.Rollback(t.Context(), "rocm-old"); err != nil || from != digest || to != old {
			t.Error(from, to, err)
		}
	}
}

// TestRevive: the last good image stays that from before.
func TestRevive(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	old, next := channelOf(t, r, "rocm-old"), channelOf(t, r, "rocm")
	done, err := r.Retire(t.Context(), Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "renamed", Follows: true}, Notary{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Revive(t.Context(), "rocm-old", next, done[0].Digest); err != nil {
		t.Fatal(err)
	}
	channel, gone := look(t, r, "rocm-old")
	if good, _ := look(t, r, "rocm-old-lkg"); channel != next || gone != nil || good != old {
		t.Errorf("%s, %+v, last good %s", channel, gone, good)
	}
}

// TestFollow: the old name has the successor's image, whatever moves that, also when the successor retires too; then names point on.
func TestFollow(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		_, repo := newFake(t, takeAll, referrers)
		r := open(t, repo)
		channelOf(t, r, "rocm-old")
		first := channelOf(t, r, "rocm")
		if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "renamed", Follows: true}, Notary{}); err != nil {
			t.Fatal(err)
		}
		same := func(want string) {
			t.Helper()
			d, err := pulled(t, repo, "rocm-old").Digest()
			if found, e := r.Find(t.Context(), "rocm-old"); err != nil || e != nil || d.String() != want || found != want {
				t.Errorf("%s, %v; %s, %v; want %s", d, err, found, e, want)
			}
		}
		same(first)
		same(channelOf(t, r, "rocm"))
		if _, _, err := r.Rollback(t.Context(), "rocm"); err != nil {
			t.Fatal(err)
		}
		same(first)
		third := channelOf(t, r, "third")
		done, err := r.Retire(t.Context(), Retired{Recipe: "rocm", Successor: "third", Reason: "merged"}, Notary{})
		if err != nil || len(done) != 2 || done[1].Recipe != "rocm-old" {
			t.Fatal(done, err)
		}
		same(third)
		if _, gone := look(t, r, "rocm-old"); gone.Successor != "third" || gone.Reason != "renamed" || gone.Image != third {
			t.Errorf("%+v", gone)
		}
		if named, err := r.Named(t.Context(), done[1].Digest); err != nil || named.Image != third { // by the index's own digest
			t.Errorf("%+v, %v", named, err)
		}
		if _, err := open(t, repo+"/copy").Copy(t.Context(), r, "rocm-old", Copying{}); err == nil || !strings.Contains(err.Error(), "another name of third") {
			t.Error(err)
		}
		plan, err := r.Plan(t.Context(), Pruning{Before: release(t, image(t)).Fixed.Day().AddDate(1, 0, 0)})
		if err != nil || slices.ContainsFunc(plan, func(p Pruned) bool { return p.Digest == third }) {
			t.Error(plan, err)
		}
	}
}

// TestTombstoneSpeaks runs the program of a tombstone.
func TestTombstoneSpeaks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS+runtime.GOARCH != "linuxamd64" {
		t.Skip("the program is for Linux on amd64")
	}
	file := filepath.Join(t.TempDir(), "retired")
	if err := os.WriteFile(file, saying("rocm-old is retired\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), file, "llama-server", "-m", "x.gguf")
	var said bytes.Buffer
	cmd.Stderr = &said
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != ExitRetired || said.String() != "rocm-old is retired\n" {
		t.Errorf("%v, %q", err, said.String())
	}
	img, err := tombstone("localhost/llama", Retired{Recipe: "rocm-old", Successor: "rocm", Reason: "why"})
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	tar, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(tar)
	if err != nil || !bytes.Contains(data, []byte("localhost/llama:rocm-old is retired: use localhost/llama:rocm (why)\n")) {
		t.Errorf("%q, %v", data, err)
	}
}

// TestRetireRefuses names that are not there, before anything is written.
func TestRetireRefuses(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	channelOf(t, r, "rocm")
	f.forget()
	for _, gone := range []Retired{{Recipe: "nothing", Successor: "rocm", Reason: "x"}, {Recipe: "rocm", Successor: "nothing", Reason: "x"}} {
		if _, err := r.Retire(t.Context(), gone, Notary{}); err == nil || !strings.Contains(err.Error(), `has no tag "nothing"`) {
			t.Error(err)
		}
	}
	for _, reason := range []string{"", " ", "a\nb", "\x1b[2J"} {
		if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm", Successor: "rocm", Reason: reason}, Notary{}); err == nil || !strings.Contains(err.Error(), "is no line of text") {
			t.Errorf("%q: %v", reason, err)
		}
	}
	if len(f.writes) > 0 {
		t.Errorf("it wrote %q", f.writes)
	}
	if head, _ := look(t, r, tag.Moving("rocm", tag.LastGood).String()); head != "" {
		t.Error(head)
	}
}

// TestForeignNotices: what a registry says and no alias of ours could have made is no notice, and is not printed.
func TestForeignNotices(t *testing.T) {
	t.Parallel()
	good := map[string]string{AnnotationRetired: "rocm-old", AnnotationSuccessor: "rocm", AnnotationReason: "why"}
	for name, tc := range map[string]struct {
		change map[string]string
		kind   types.MediaType
		want   bool
	}{
		"a tombstone":         {nil, types.OCIManifestSchema1, true},
		"escape sequences":    {map[string]string{AnnotationReason: "\x1b[2J"}, types.OCIManifestSchema1, false},
		"no channel":          {map[string]string{AnnotationSuccessor: "rocm-lkg"}, types.OCIManifestSchema1, false},
		"nowhere":             {map[string]string{AnnotationSuccessor: ""}, types.OCIManifestSchema1, false},
		"an index of nothing": {nil, types.OCIImageIndex, false},
	} {
		said := maps.Clone(good)
		maps.Copy(said, tc.change)
		data, err := json.Marshal(map[string]any{"annotations": said})
		if err != nil {
			t.Fatal(err)
		}
		d := &remote.Descriptor{Manifest: data}
		d.MediaType = tc.kind
		if got := retiredBy(d); (got != nil) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestSendOn: what a notary refuses stays as it is, and is not signed.
func TestSendOn(t *testing.T) {
	t.Parallel()
	_, repo := newFake(t, takeAll, true)
	r := open(t, repo)
	for _, name := range []string{"mine", "planted", "middle", "rocm"} {
		channelOf(t, r, name)
	}
	for _, name := range []string{"mine", "planted"} {
		if _, err := r.Retire(t.Context(), Retired{Recipe: name, Successor: "middle", Reason: "of " + name}, Notary{}); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := look(t, r, "planted")
	var signed []string
	done, err := r.Retire(t.Context(), Retired{Recipe: "middle", Successor: "rocm", Reason: "merged"}, Notary{
		Sign: func(g Retired, _ string) ([]Artifact, error) {
			signed = append(signed, g.Recipe+" to "+g.Successor)
			return nil, nil
		},
		Refuse: func(g Retired) error {
			if g.Reason == "of planted" {
				return errors.New("not ours")
			}
			return nil
		},
	})
	if err != nil || len(done) != 3 || done[1].Stays != nil || done[2].Recipe != "planted" || done[2].Stays == nil {
		t.Errorf("%+v, %v", done, err)
	}
	if want := []string{"middle to rocm", "mine to rocm"}; !slices.Equal(signed, want) {
		t.Errorf("signed %q, want %q", signed, want)
	}
	if after, gone := look(t, r, "planted"); after != before || gone.Successor != "middle" {
		t.Errorf("%s, %+v", after, gone)
	}
}

// TestFollowsForeign: a channel moves although somebody put an index beside it that says that it follows, and a tag cannot be read; both are named and stay.
func TestFollowsForeign(t *testing.T) {
	t.Parallel()
	f, repo := newFake(t, takeAll, true)
	var warned []string
	r, err := Open(repo, Options{Backoff: once, Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	first := channelOf(t, r, "rocm")
	for _, name := range []string{"own", "planted"} {
		channelOf(t, r, name)
		if _, err := r.Retire(t.Context(), Retired{Recipe: name, Successor: "rocm", Reason: "renamed", Follows: true}, Notary{}); err != nil {
			t.Fatal(err)
		}
	}
	m := indexAt(t, r, "planted")
	m.Annotations = with(m.Annotations, AnnotationReason, "better") // than its notice says
	plant(t, r, "planted", m)
	m.Manifests = append(m.Manifests, m.Manifests[0])
	plant(t, r, "more", m)
	plant(t, r, "damaged", m)
	f.set(func(req *http.Request) int {
		if strings.HasSuffix(req.URL.Path, "/manifests/damaged") {
			return http.StatusInternalServerError
		}
		return 0
	})
	next := channelOf(t, r, "rocm")
	if named, err := r.Named(t.Context(), "own"); err != nil || named.Image != next || next == first {
		t.Errorf("%+v, %v", named, err)
	}
	if _, gone := look(t, r, "planted"); gone == nil || gone.Image != first {
		t.Errorf("%+v", gone)
	}
	slices.Sort(warned)
	for i, want := range []string{`tag "damaged" cannot be read; where it sends people to rocm, it stays`, `tag "more" stays as it is: it says that it follows rocm, and is no index that alias made`,
		`tag "planted" stays as it is: ` + repo + `@sha256:`} {
		if len(warned) != 3 || !strings.HasPrefix(warned[i], want) {
			t.Errorf("warned %q, want %q", warned, want)
		}
	}
}
