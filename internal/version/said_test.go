package version

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSaidIn(t *testing.T) {
	t.Parallel()
	const log = `load_backend: loaded CPU backend
version: 8779 (75f3bc94e)
built with GNU 12.2.0 for Linux x86_64
version: 0.7.0-dev (build 11669, commit 5eca4e3ca)
version: 0 (unknown)
version: 0.7.0 (build 11669, commit Debian)
no version: 1 (abc)
`
	want := []Said{
		{"version: 8779 (75f3bc94e)", "8779", "75f3bc94e"},
		{"version: 0.7.0-dev (build 11669, commit 5eca4e3ca)", "11669", "5eca4e3ca"},
		{"version: 0 (unknown)", "0", "unknown"},
		{"version: 0.7.0 (build 11669, commit Debian)", "11669", "Debian"},
	}
	if diff := cmp.Diff(want, SaidIn(log)); diff != "" {
		t.Error(diff)
	}
}
