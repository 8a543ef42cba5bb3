package toolbox

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/graph"
)

// machine has /dev/dri for everybody, /dev/kfd for group render, and a user who is in that group only.
func machine() Machine {
	return Machine{
		Exists:  func(path string) bool { return path != "/dev/accel" },
		Group:   func(name string) (known, member bool) { return name != "gone", name == "render" },
		ByGroup: func(device string) bool { return device == "/dev/kfd" },
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	labels := map[string]string{graph.LabelDevices: "/dev/dri,/dev/kfd,/dev/accel", graph.LabelGroups: "video,render,gone", graph.LabelSecurity: "seccomp=unconfined"}
	got, notes := Fit(labels, machine())
	want := Options{Devices: []string{"/dev/dri", "/dev/kfd"}, Groups: true, Security: []string{"seccomp=unconfined"}, GroupsBy: "/dev/kfd"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"device /dev/accel is not on this machine: left out",
		"you are not in group video: sudo usermod -aG video $USER, then log in again", "group gone is not on this machine: left out"}, notes); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
	m := machine()
	m.Root = true
	got, notes = Fit(labels, m)
	if got.Groups || got.GroupsBy != "" || len(notes) != 1 {
		t.Errorf("root: %+v, %q", got, notes)
	}
	if got, notes := Fit(nil, machine()); len(notes)+len(got.Devices) != 0 {
		t.Errorf("an image that asks for nothing: %+v, %q", got, notes)
	}
}

func TestNodesOfThisMachine(t *testing.T) {
	t.Parallel()
	h := Here()
	if !h.Exists("/dev/null") || h.Exists("/dev/no such node") || h.ByGroup("/dev/null") || h.ByGroup("/dev/no such node") {
		t.Error("/dev/null is open to everybody")
	}
	if known, _ := h.Group("no such group"); known {
		t.Error("there is a group that is not there")
	}
}

// TestCommandLines: what is asked of each manager. distrobox takes its flags apart at spaces, newer ones at commas too.
func TestCommandLines(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	o := Options{Devices: []string{"/dev/dri"}, Groups: true, Security: []string{"seccomp=unconfined"}}
	line := func(manager string) string {
		s := spec(manager, one)
		return strings.Join(create(s, "box-next", s.image(), o).words, " ")
	}
	const image = "localhost/strix-build/toolbox/rocm:box-111111111111"
	if got, want := line(Toolbox), "toolbox create --assumeyes --image "+image+" box-next"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	got := line(Distrobox)
	for _, want := range []string{"distrobox create --yes --no-entry --image " + image + " --name box-next --additional-flags --hostname=box.",
		" --label=strix-build.toolbox=box ", " --label=strix-build.toolbox.from=localhost:5000/me/llama", " --group-add=keep-groups --security-opt=seccomp=unconfined"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant in it %s", got, want)
		}
	}
	got = line(Alone)
	for _, want := range []string{"podman create --name box-next --hostname box ", " --volume /home/me:/home/me ", " --device /dev/dri --security-opt seccomp=unconfined ",
		" --label strix-build.toolbox.digest=" + one + " ", image + " sleep infinity"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant in it %s", got, want)
		}
	}
}

// TestChoose: toolbox(1) keeps no groups, so it is not taken where the devices need one.
func TestChoose(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	byGroup := Options{GroupsBy: "/dev/kfd"}
	for _, c := range []struct {
		here, asked string
		o           Options
		want        string
		why         bool
	}{
		{"podman", "", Options{}, Alone, false},
		{"distrobox", "", byGroup, Distrobox, false},
		{"toolbox", "", Options{}, Toolbox, false},
		{"", "", byGroup, Distrobox, true},
		{"", Toolbox, byGroup, Toolbox, true},
		{"", Alone, byGroup, Alone, false},
		{"", "", Options{Root: true}, Toolbox, false},
	} {
		if c.here != "" {
			if err := os.WriteFile(filepath.Join(bin, c.here), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got, why := Choose(c.asked, c.o); got != c.want || (why != "") != c.why {
			t.Errorf("%+v: %s, because %q", c, got, why)
		}
	}
	if CheckManager("") != nil || CheckManager(Toolbox) != nil || CheckManager("docker") == nil {
		t.Error("managers are not checked")
	}
	if err := os.Remove(filepath.Join(bin, Toolbox)); err != nil {
		t.Fatal(err)
	}
	if got, _ := Choose("", Options{Root: true}); got != Alone { // though distrobox is here
		t.Errorf("root: %s", got)
	}
	if CheckManager(Toolbox) == nil {
		t.Error("one that is not here is taken")
	}
}

// first cancels when something is written.
type first struct{ cancel context.CancelCauseFunc }

func (f first) Write(b []byte) (int, error) {
	f.cancel(errKilled)
	return len(b), nil
}

// TestInterruptReachesAllOfAProgram: distrobox is a script that waits for podman.
func TestInterruptReachesAllOfAProgram(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	p := &Podman{Log: first{cancel}}
	if _, err := p.run(ctx, call{words: []string{"sh", "-c", "echo begun >&2; sh -c 'exec sleep 1000' & wait"}}); !errors.Is(err, errKilled) {
		t.Errorf("%v, want what ended it", err)
	}
}

func TestWhatAProgramSays(t *testing.T) {
	t.Parallel()
	p := &Podman{}
	for script, want := range map[string]string{
		"echo a; echo why >&2; echo more >&2":           "why",
		"echo begun >&2; echo Error: why >&2; echo >&2": "Error: why",
		"echo why": "why",
		"true":     "it did not say why",
	} {
		_, err := p.run(t.Context(), call{words: []string{"sh", "-c", script + "; exit 3"}})
		if err == nil || err.Error() != "sh -c: exit status 3: "+want {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// TestLoadOfWhoReadsNothing does not wait for ever, and tells why an archive could not be written.
func TestLoadOfWhoReadsNothing(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if err := os.WriteFile(filepath.Join(bin, "podman"), []byte("#!/bin/sh\necho no space >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &Podman{}
	err := p.Load(t.Context(), func(w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%v", err)
	}
	broken := errors.New("a blob is gone")
	if err := p.Load(t.Context(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
