// Package attest writes and checks the documents about an image that others can trust once they are signed: what the gate saw
// of it (evidence), what it was made from (provenance), what is in it (SBOM), that it is the one that is meant (signature), and
// why it is published although the gate refused it (waiver).
//
// Each is an in-toto statement about the digest of the image's manifest. [Check] looks at a whole set of signed ones, offline.
//
// It opens no image, knows no registry, keeps no keys, and tells only what it was given: what is not known is left out, or the
// document says that it is not.
package attest

import (
	"path"
	"strings"
	"time"

	"strix-build/internal/graph"
)

// Types of predicates. The first three are others' standards.
const (
	TypeSignature  = "https://sigstore.dev/cosign/sign/v1" // what "cosign sign" writes
	TypeProvenance = "https://slsa.dev/provenance/v1"
	TypeSBOM       = "https://spdx.dev/Document"
	TypeEvidence   = "https://strix-build.dev/gate/v1"
	TypeWaiver     = "https://strix-build.dev/waiver/v1"
)

// Image is what is known of an image.
type Image struct {
	Name    string // repository:tag, as statements name it
	Digest  string // of its manifest: sha256:…
	Created time.Time
	Labels  map[string]string
	Files   map[string][]byte // those of its files that [Wanted] names, by path below the root
	Built   *Built            // nil: whoever attests did not build it
	Origins map[string]Origin // of patches, by the name that the image's record has for them: mmq-gfx1151/pull-21344.patch
}

// Built is what the store's record says of a build.
type Built struct {
	Key      string            // of the graph it was made from
	Inputs   map[string]string // all that decided it, by names that people know
	Finished time.Time
	Channels []string // that it may become: the recipe's image.tags, with its track's suffix
	How      *How     // nil in records from before it was written down
}

// How is how a build was asked for, and by what it was done.
type How struct {
	Tool     string // strix-build's version
	BuildKit string // the daemon's version
	Track    string
	Base     string            // another base than the lock's; "" for the lock's
	Set      []string          // key=value changes of the recipe
	Waive    []string          // advisories set aside
	Files    map[string]string // sha256 (hex) of the project's files that decided it, by name
	Started  time.Time
}

// Origin is where a patch is from, in its patch set's words. What a set does not say is empty.
type Origin struct {
	SHA256       string // hex, of the patch that this is said of
	Title, Class string // the set's
	Status       string // Yocto's Upstream-Status word
	SupersededBy []int  // pull requests that carry the idea
	Pull         int    // the pull request that the patch is, or carries the idea of
	Base, Head   string // of a pull request that is taken as it is: the commits it is pinned to
	From         string // what the patch file says itself
}

const (
	dpkgStatus = "var/lib/dpkg/status"
	dpkgFolder = "var/lib/dpkg/status.d"
	osRelease  = "usr/lib/os-release"
)

// rpmFolders are where rpm keeps its database: of old, and since Fedora 36.
var rpmFolders = []string{"var/lib/rpm", "usr/lib/sysimage/rpm"}

// maxFile is more than what is read of any file: dpkg's list of a large system is some megabytes.
const maxFile = 64 << 20

// Wanted says how much of an image's file is needed in [Image].Files: so many bytes at most, 0 where only that it is there
// counts, less where not even that.
func Wanted(name string) int64 {
	dir := path.Dir(name)
	switch {
	case name == dpkgStatus, name == osRelease, dir == dpkgFolder && !strings.HasSuffix(name, ".md5sums"),
		"/"+name == graph.BuildRecord, "/"+name == graph.CutReport, "/"+name == graph.StubReport:
		return maxFile
	}
	for _, f := range rpmFolders {
		if dir == f {
			return 0
		}
	}
	return -1
}

// record is what the image says itself of how it was made; nil: it says nothing.
func (img *Image) record() (*graph.Record, error) {
	data, ok := img.Files[graph.BuildRecord[1:]]
	if !ok {
		return nil, nil //nolint:nilnil // see above
	}
	return graph.ReadRecord(data)
}
