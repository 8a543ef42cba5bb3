package publish

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const dockerConfig = `version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
http: {addr: %s}
`

// dockerRegistry runs Debian's docker-registry (distribution 2.8), which keeps no list of referrers and deletes by digest only.
func dockerRegistry(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, dockerConfig, filepath.Join(dir, "data"), addr), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program, "serve", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			return addr + "/me/llama"
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("docker-registry does not answer")
		}
	}
}

// TestIntegrationDockerRegistry: a registry that none of our libraries wrote.
func TestIntegrationDockerRegistry(t *testing.T) {
	t.Parallel()
	repo := dockerRegistry(t)
	r := open(t, repo)
	images, digests := daily(t, r, 4)
	if channel, good := heads(t, r); channel != digests[3] || good != digests[2] {
		t.Errorf("channel %s, good %s; want %v", channel, good, digests[2:])
	}
	for i, d := range digests {
		docs, err := r.Attached(t.Context(), d)
		if err != nil || len(docs) != 1 {
			t.Errorf("image %d: %+v, %v", i, docs, err)
		}
	}
	if again, err := r.Release(t.Context(), withDay(release(t, images[3]), 3)); err != nil || len(again.Attached) > 0 {
		t.Errorf("%+v, %v", again, err)
	}
	if _, to, err := r.Rollback(t.Context(), "rocm-mmq"); err != nil || to != digests[2] {
		t.Error(to, err)
	}
	p := Pruning{Before: firstDay.AddDate(0, 1, 0)}
	plan, err := r.Plan(t.Context(), p) // 2 is channel and last good, 3 the candidate
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	if done, err := r.Prune(t.Context(), p, plan); err != nil || len(done) != 2 {
		t.Error(done, err)
	}
	tags, err := r.Tags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, tagged := range tags {
		left = append(left, tagged.Digest)
	}
	if slices.Contains(left, digests[0]) || slices.Contains(left, digests[1]) {
		t.Errorf("%v are left", tags)
	}
	_, other := newFake(t, takeAll, true)
	to := open(t, other)
	got, err := to.Copy(t.Context(), r, "rocm-mmq", Copying{})
	if err != nil || got.Attached != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	img, err := to.Image(t.Context(), digests[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	channelOf(t, r, "rocm")
	if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm-mmq", Successor: "rocm", Reason: "merged", Follows: true}, Notary{}); err != nil {
		t.Fatal(err)
	}
	next := channelOf(t, r, "rocm") // and the other name with it
	if d, err := pulled(t, repo, "rocm-mmq").Digest(); err != nil || d.String() != next {
		t.Error(d, err)
	}
	if _, err := r.Retire(t.Context(), Retired{Recipe: "rocm-mmq", Successor: "rocm", Reason: "merged"}, Notary{}); err != nil {
		t.Fatal(err)
	}
	if _, gone := look(t, r, "rocm-mmq"); gone == nil || gone.Follows {
		t.Errorf("%+v", gone)
	}
	if _, err := r.Find(t.Context(), "nothing"); err == nil || !strings.HasSuffix(err.Error(), `has no tag "nothing"`) {
		t.Error(err)
	}
}

// withDay gives a release the day that [daily] does.
func withDay(rel Release, day int) Release {
	rel.Fixed.Date = firstDay.AddDate(0, 0, day).Format("20060102")
	return rel
}
