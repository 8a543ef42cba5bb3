package e2e_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var cacheWords = regexp.MustCompile(`(?m)^(\S+): built in .*, compiler cache (\d+) of (\d+) when compiled$`)

// TestIntegrationLatticeReusesObjects: eight arms are four images, and all but the first find their objects compiled.
func TestIntegrationLatticeReusesObjects(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	args := []string{"ab", "cpu", "--builder", "own", "--set", noPage, "--source", "llama.cpp=" + w.git, "--with", "greeting", "--with", "already", "--with", "arg:-t 1", "--set", unseen(), "--build-only"}
	o := w.main.start(t, nil, args...).wait(t)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.stderr, o.logs)
	}
	built := cacheWords.FindAllStringSubmatch(o.stderr, -1)
	if n := strings.Count(o.stdout, "miniature-ab:cpu."); n != 4 || len(built) != 4 {
		t.Fatalf("%d images, %d of them built; want 4:\n%s%s", n, len(built), o.stdout, o.stderr)
	}
	for i, m := range built {
		hits, _ := strconv.Atoi(m[2])
		all, _ := strconv.Atoi(m[3])
		if i == 0 {
			if 10*hits > 3*all || !strings.Contains(m[1], "stock") {
				t.Errorf("the first image is %s, with %d of %d objects compiled before", m[1], hits, all)
			}
			continue
		}
		if 10*hits < 7*all {
			t.Errorf("%s: %d of %d objects from the compiler cache", m[1], hits, all)
		}
	}
	again := w.main.start(t, nil, args...).wait(t)
	if again.code != 0 || again.stdout != o.stdout || strings.Count(again.stderr, ": up to date (key ") != 4 || len(starting(again.ran(), "compile:")) > 0 {
		t.Errorf("the second time, exit %d:\n%s%s", again.code, again.stdout, again.stderr)
	}
}
