package version

import "regexp"

// RefKind is what the text of a [Ref] looks like.
type RefKind int

// The kinds of reference.
const (
	RefName    RefKind = iota // a branch, a tag, "HEAD", "worktree": only the repository knows
	RefBuild                  // bN or N
	RefRelease                // vX.Y.Z
	RefCommit                 // a commit id, whole or shortened
)

// Ref is a base as a person types it after --base. The form alone decides its kind: whether there is such a commit is
// for the repository to say.
type Ref struct {
	Kind    RefKind
	Build   Build   // of RefBuild
	Release Release // of RefRelease
	Text    string  // as it was given
}

var (
	// Six digits end at b999999. Some bN are short commit ids too; the number wins.
	refBuildForm  = regexp.MustCompile(`^b?[1-9][0-9]{0,5}$`)
	refCommitForm = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
)

// ParseRef tells a build number, a release and a commit id from a name. Every text is a reference of some kind.
func ParseRef(s string) Ref {
	if refBuildForm.MatchString(s) {
		b, _ := ParseBuild(s) // accepts all that the form does
		return Ref{Kind: RefBuild, Build: b, Text: s}
	}
	if r, err := ParseRelease(s); err == nil {
		return Ref{Kind: RefRelease, Release: r, Text: s}
	}
	if refCommitForm.MatchString(s) {
		return Ref{Kind: RefCommit, Text: s}
	}
	return Ref{Text: s}
}

// String returns the tag of a build or a release, and other references as they were given.
func (r Ref) String() string {
	switch r.Kind {
	case RefBuild:
		return r.Build.String()
	case RefRelease:
		return r.Release.String()
	}
	return r.Text
}
