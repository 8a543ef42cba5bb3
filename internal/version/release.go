package version

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Release is one of llama.cpp's vX.Y.Z tags. A release is a name for a commit that has a build number; the order of
// versions is that of the builds, and Compare is for listing releases among themselves. The zero Release means none.
type Release struct{ Major, Minor, Patch int }

var releaseForm = regexp.MustCompile(`^v(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$`)

// ParseRelease reads "v0.4.0": three numbers and nothing behind them. Upstream tags no candidates.
func ParseRelease(s string) (Release, error) {
	m := releaseForm.FindStringSubmatch(s)
	if m == nil {
		return Release{}, fmt.Errorf("%q is not a release; write it as v0.4.0", s)
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, by the form
	}
	return Release{n[0], n[1], n[2]}, nil
}

// String returns the tag, e.g. "v0.4.0"; "" for the zero Release.
func (r Release) String() string {
	if r == (Release{}) {
		return ""
	}
	return fmt.Sprintf("v%d.%d.%d", r.Major, r.Minor, r.Patch)
}

// Compare returns -1, 0 or +1 for r older than, the same as or newer than o.
func (r Release) Compare(o Release) int {
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch))
}
