package toolbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/graph"
	"strix-build/internal/toolbox/toolboxtest"
)

const (
	one   = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	two   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	three = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
)

// rig is an engine with images of three digests, and a Podman that uses it.
type rig struct {
	*Podman
	engine *toolboxtest.Engine
	calls  int // how many more; then whoever calls is killed
}

// errKilled is the end of a process of ours, between two of the engine's.
var errKilled = errors.New("killed")

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{engine: &toolboxtest.Engine{Labels: map[string]string{graph.LabelRecipe: "rocm"}}, calls: -1}
	r.Podman = &Podman{Say: func(string, ...any) {}, instead: func(words []string, input io.Reader) (string, error) {
		if r.calls == 0 {
			panic(errKilled)
		}
		r.calls--
		return r.engine.Run(words, input)
	}}
	for _, d := range []string{one, two, three} {
		r.bring(t, d)
	}
	return r
}

func (r *rig) bring(t *testing.T, digest string) {
	t.Helper()
	if err := r.Pull(t.Context(), spec("", digest).Brought(), false); err != nil {
		t.Fatal(err)
	}
}

func spec(manager, digest string) Spec {
	return Spec{Name: "box", Recipe: "rocm", From: "localhost:5000/me/llama", Digest: digest, Build: "b" + digest[7:11], Manager: manager}
}

// only is the one toolbox that there is.
func (r *rig) only(t *testing.T) *Set {
	t.Helper()
	all, err := r.Toolboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d toolboxes, want 1", len(all))
	}
	return all[0]
}

// names are the containers with their images, as "NAME=DIGIT".
func (r *rig) names(t *testing.T) string {
	t.Helper()
	var out []string
	all, err := r.Toolboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, b := range s.boxes() {
			out = append(out, b.Container+"="+b.short()[:1])
		}
	}
	return strings.Join(out, " ")
}

// made has a toolbox of image 1 that was refreshed to 2.
func made(t *testing.T, manager string) *rig {
	t.Helper()
	r := newRig(t)
	if err := r.Make(t.Context(), spec(manager, one), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context(), r.only(t), spec(manager, two), Options{}, false); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRefreshKeepsTheOneBefore(t *testing.T) {
	t.Parallel()
	for _, manager := range Managers() {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			r := made(t, manager)
			if got := r.names(t); got != "box=2 box-previous=1" {
				t.Errorf("after one refresh: %s", got)
			}
			if err := r.Refresh(t.Context(), r.only(t), spec(manager, three), Options{}, false); err != nil {
				t.Fatal(err)
			}
			if got := r.names(t); got != "box=3 box-previous=2" {
				t.Errorf("after two: %s", got)
			}
			if d := cmp.Diff(spec(manager, three), r.only(t).Current.Spec); d != "" {
				t.Errorf("what is written on it (-want +got):\n%s", d)
			}
			for name := range r.engine.Images {
				if strings.Contains(name, "1111") {
					t.Errorf("image %q is still there", name)
				}
			}
			if err := r.Remove(t.Context(), r.only(t), false); err != nil {
				t.Fatal(err)
			}
			if len(r.engine.Containers)+len(r.engine.Images) != 0 {
				t.Errorf("after rm there are %d containers and %d images", len(r.engine.Containers), len(r.engine.Images))
			}
		})
	}
}

// TestChannelGoesBack: an image that the previous one has too is not taken from the new one with it.
func TestChannelGoesBack(t *testing.T) {
	t.Parallel()
	for _, manager := range Managers() {
		r := made(t, manager)
		if err := r.Refresh(t.Context(), r.only(t), spec(manager, one), Options{}, false); err != nil {
			t.Fatal(err)
		}
		if got := r.names(t); got != "box=1 box-previous=2" {
			t.Errorf("%s: %s", manager, got)
		}
		if s := r.only(t); s.RolledBack() || r.engine.Images[s.Current.image()] == nil {
			t.Errorf("%s: rolled back: %v; images %v", manager, s.RolledBack(), r.engine.Images)
		}
	}
}

func TestWhatFailsLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	for _, manager := range Managers() {
		for _, fails := range []string{"podman build", "podman tag", "create", "toolbox run", "distrobox enter", "podman exec", "podman stop", "podman rename box-next"} {
			r := made(t, manager)
			r.engine.Fail = fails
			err := r.Refresh(t.Context(), r.only(t), spec(manager, three), Options{}, false)
			if err == nil {
				continue // this manager does not ask that
			}
			want := "box=2 box-previous=1"
			if strings.Contains(fails, "rename") {
				want = "box=2 box-next=3" // the one before went first
			}
			if got := r.names(t); got != want {
				t.Errorf("%s, %q failed: %s, want %s", manager, fails, got, want)
			}
			r.engine.Fail = ""
			if r.engine.Images[spec("", three).Brought()] == nil {
				t.Errorf("%s, after %q failed: the image has to be fetched again", manager, fails)
			}
			if err := r.Refresh(t.Context(), r.only(t), spec(manager, three), Options{}, false); err != nil {
				t.Errorf("%s, after %q failed: %v", manager, fails, err)
			}
			if got := r.names(t); got != "box=3 box-previous=2" {
				t.Errorf("%s, after %q failed: %s", manager, fails, got)
			}
		}
	}
}

// killed runs do until it is killed before its call number n; it reports whether it was.
func (r *rig) killed(n int, do func()) (was bool) {
	defer func() {
		r.calls = -1
		if e := recover(); e != nil {
			if e != errKilled { //nolint:errorlint // the very one
				panic(e)
			}
			was = true
		}
	}()
	r.calls = n
	do()
	return false
}

func TestKilledRefreshGoesOn(t *testing.T) {
	t.Parallel()
	for _, manager := range Managers() {
		for n := 0; ; n++ {
			r := made(t, manager)
			s := r.only(t)
			old := s.Current.Created
			was := r.killed(n, func() { _ = r.Refresh(t.Context(), s, spec(manager, three), Options{}, false) })
			at := r.names(t)
			s = r.only(t)
			if _, err := r.Mend(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if s.Current == nil {
				t.Fatalf("%s, killed before call %d (%s): there is none in use", manager, n, at)
			}
			if s.Current.Digest != three {
				if err := r.Refresh(t.Context(), s, spec(manager, three), Options{}, false); err != nil {
					t.Fatalf("%s, killed before call %d (%s): %v", manager, n, at, err)
				}
			}
			if got := r.names(t); got != "box=3 box-previous=2" || !r.only(t).Previous.Created.Equal(old) {
				t.Errorf("%s, killed before call %d (%s), then again: %s", manager, n, at, got)
			}
			if !was {
				break
			}
		}
	}
}

func TestKilledRollbackGoesOn(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		r := made(t, Alone)
		s := r.only(t)
		was := r.killed(n, func() { _ = r.Rollback(t.Context(), s) })
		at := r.names(t)
		s = r.only(t)
		done, err := r.Mend(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if was && !done {
			if err := r.Rollback(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.names(t); got != "box=1 box-previous=2" || !r.only(t).RolledBack() {
			t.Errorf("killed before call %d (%s), then again: %s", n, at, got)
		}
		if !was {
			return
		}
	}
}

func TestWhatRuns(t *testing.T) {
	t.Parallel()
	r := made(t, Distrobox)
	for _, c := range r.engine.Containers {
		c.State = "running"
	}
	var running *RunningError
	if err := r.Refresh(t.Context(), r.only(t), spec(Distrobox, three), Options{}, false); !errors.As(err, &running) || running.Container != "box-previous" {
		t.Errorf("a running previous one: %v", err)
	}
	if err := r.Remove(t.Context(), r.only(t), false); !errors.As(err, &running) {
		t.Errorf("rm of what runs: %v", err)
	}
	if got := r.names(t); got != "box=2 box-previous=1" {
		t.Errorf("what was refused left %s", got)
	}
	r.engine.Find("box-previous").State = "exited"
	if err := r.Refresh(t.Context(), r.only(t), spec(Distrobox, three), Options{}, false); err != nil {
		t.Fatal(err)
	}
	if s := r.only(t); !s.Previous.Running || s.Previous.Digest != two {
		t.Errorf("what ran in it was stopped: %+v", s.Previous)
	}
	r.bring(t, one)
	r.engine.Find("box").State = "running"
	if err := r.Refresh(t.Context(), r.only(t), spec(Distrobox, one), Options{}, true); err != nil {
		t.Fatal(err)
	}
	if s := r.only(t); r.names(t) != "box=1 box-previous=3" || s.Previous.Running {
		t.Errorf("by force: %s", r.names(t))
	}
}

func TestOnlyWhatWeMadeIsOurs(t *testing.T) {
	t.Parallel()
	r := made(t, Toolbox)
	image := r.only(t).Current.image()
	for _, words := range []string{"create --name mine " + image + " sleep infinity", "create --name other " + spec("", one).Brought() + " sleep infinity"} {
		if err := r.all(t.Context(), podman(strings.Fields(words)...)); err != nil {
			t.Fatal(err)
		}
	}
	clone := *r.engine.Find("box")
	clone.Names, clone.Image = []string{"clone"}, "localhost/box:2026-11-29"
	r.engine.Containers = append(r.engine.Containers, &clone)
	if got := r.names(t); got != "box=2 box-previous=1" {
		t.Errorf("with containers made by hand: %s", got)
	}
	if err := r.all(t.Context(), podman("rename", "box", "renamed")); err != nil {
		t.Fatal(err)
	}
	if got := r.names(t); got != "box-previous=1 renamed=2" {
		t.Errorf("renamed by hand: %s", got)
	}
}

func TestLabelsComeBack(t *testing.T) {
	t.Parallel()
	s := spec(Alone, one)
	s.Keys = "-----BEGIN PUBLIC KEY-----\nMFkw+/,=\n-----END PUBLIC KEY-----\n"
	labels := map[string]string{}
	for _, l := range s.labels() {
		if strings.ContainsAny(l, " ,\n'\"$\\") {
			t.Errorf("label %q would be taken apart", l)
		}
		k, v, _ := strings.Cut(l, "=")
		labels[k] = v
	}
	got, err := specOf(labels)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	labels[labelKeys] = base64.StdEncoding.EncodeToString([]byte("??>"))
	if _, err := specOf(labels); err == nil {
		t.Error("a broken key was read")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"rocm-mmq", "Box.1", "a"} {
		if err := CheckName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", "a b", "a-previous", "a-next", "a-aside", strings.Repeat("a", 64)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func ExampleEnter() {
	for _, m := range Managers() {
		fmt.Println(Enter(m, "rocm-mmq"))
	}
	// Output:
	// toolbox enter rocm-mmq
	// distrobox enter rocm-mmq
	// podman start rocm-mmq && podman exec -it rocm-mmq bash
}
