package buildkit

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var pinnedImage = "docker.io/moby/buildkit@sha256:" + strings.Repeat("ab", 32)

func TestImageHasToBePinned(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, image, want string }{
		{"none", "", "no image is configured; $STRIX_BUILDKIT_IMAGE=docker.io/moby/buildkit@sha256:… opens this way"},
		{"tag", "moby/buildkit:v0.34.2", `image "moby/buildkit:v0.34.2" is not pinned: write name@sha256:…`},
		{"short digest", "moby/buildkit@sha256:abc", `image "moby/buildkit@sha256:abc" is not pinned: write name@sha256:…`},
		{"no engine", pinnedImage, "neither podman nor docker is on the PATH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := fakeHost(t, nil, map[string]string{EnvImage: tt.image})
			if _, err := lookImage(t.Context(), h); err == nil || err.Error() != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
}

// The users of a container share it like the own daemon: the last one out removes it, its volume stays.
func TestContainerIsStartedOnceAndRemovedByTheLast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := fakeHost(t, map[string]string{"podman": fakeEngine(dir)}, map[string]string{EnvImage: pinnedImage})
	var leases []*lease
	for range 2 {
		of, err := lookImage(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		l, err := joinLease(t.Context(), of.daemon.dir(), of.daemon.ensure)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
		defer l.users.Close()
	}
	of, err := lookRunning(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if of.daemon == nil || of.address != "podman-container://strix-buildkitd" || of.daemon.pid(t.Context()) != 4711 {
		t.Errorf("the running container is offered as %+v", of)
	}
	for _, l := range leases {
		if err := l.leave(t.Context(), of.daemon.stop); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"rm --force strix-buildkitd",
		"run --detach --privileged --name strix-buildkitd --label strix-build.owned=true " +
			"--volume strix-buildkitd:/var/lib/buildkit " + pinnedImage + " --allow-insecure-entitlement network.host",
		"exec strix-buildkitd buildctl debug workers",
		"inspect --format {{.State.Pid}} strix-buildkitd",
		"rm --force strix-buildkitd",
	}
	if diff := cmp.Diff(want, calls(t, dir)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestContainerOfTheUserIsNeverStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "running"))
	h := fakeHost(t, map[string]string{"docker": fakeEngine(dir)}, nil)
	of, err := lookRunning(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if of.daemon != nil {
		t.Error("a container that the user started is taken for ours")
	}
	o := h.Options
	if err := Stop(t.Context(), o); err != nil {
		t.Error(err)
	}
	if got := calls(t, dir); got != nil {
		t.Errorf("calls: %q", got)
	}
}

func TestStopEndsAContainerThatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "running"))
	touch(t, filepath.Join(dir, "owned"))
	h := fakeHost(t, map[string]string{"podman": fakeEngine(dir)}, nil)
	if err := Stop(t.Context(), h.Options); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"rm --force strix-buildkitd"}, calls(t, dir)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestContainerThatEndsAtOnceIsAnError(t *testing.T) {
	t.Parallel()
	script := `case "$1" in
exec) echo "container is not running" >&2; exit 125 ;;
esac`
	h := fakeHost(t, map[string]string{"podman": script}, nil)
	c := &container{h: h, engine: filepath.Join(h.exeDir, "podman"), image: pinnedImage}
	err := c.ensure(t.Context(), true)
	want := "strix-buildkitd ended at once: podman: container is not running"
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

// A graph-driver store cannot export what was built, so that Docker is passed over.
func TestDockerWithoutContainerdStoreIsRefused(t *testing.T) {
	t.Parallel()
	h := fakeHost(t, map[string]string{"docker": "echo 24.0.7"}, nil)
	of, err := lookEmbedded(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	b := &Builder{How: of.how, can: map[Need]string{OCIExport: "no snapshotter", ContainerdStore: "no snapshotter"}}
	if err := of.check(b); err == nil || !strings.Contains(err.Error(), "BuildKit of Docker 24.0.7") || !strings.Contains(err.Error(), "containerd store") {
		t.Errorf("err = %v", err)
	}
}

func TestRequireNamesWhatIsMissingAndWhatItMeans(t *testing.T) {
	t.Parallel()
	b := &Builder{How: "BuildKit of Docker 24.0", can: map[Need]string{
		HostNetwork: "not allowed by the daemon", OCIExport: "no snapshotter", ContainerdStore: "no snapshotter",
		MergeDiff: `no "mergeop"`, CacheMounts: "",
	}}
	err := b.Require(CacheMounts, HostNetwork, MergeDiff, ContainerdStore, OCIExport, SourceDateEpoch)
	golden(t, "require.txt", fmt.Sprintf("%v\nhint: %s\n", err, Hint(err)))
	if err := b.Require(CacheMounts); err != nil {
		t.Errorf("a need that is met: %v", err)
	}
	if diff := cmp.Diff([]Need{CacheMounts}, b.Can()); diff != "" {
		t.Errorf("Can (-want +got):\n%s", diff)
	}
}
