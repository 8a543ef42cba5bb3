package recipe

import (
	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// LockVersion is the newest lock format this program reads and the one it writes.
const LockVersion = 1

// Lock pins everything that moves: recipes/<track>.lock.yaml. Nothing in it depends on the machine it was made on.
//
// Its text is written by [Lock.Encode] and read by [LoadLock].
type Lock struct {
	Version    int                    `yaml:"version,required" doc:"format of this file"`
	Track      Text                   `yaml:"track,required" doc:"the track's name"`
	LlamaCpp   LockedSource           `yaml:"llama.cpp,required" doc:"upstream"`
	Patches    map[string]LockedPatch `yaml:"patches" doc:"patch sets"`
	Containers map[string]LockedBase  `yaml:"containers" doc:"container bases"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// LockedSource is the upstream commit all siblings of a track are built from.
type LockedSource struct {
	URL    Text          `yaml:"url,required" doc:"repository (https)"`
	Commit Text          `yaml:"commit,required" doc:"full commit id"`
	Build  version.Build `yaml:"build,required" doc:"build number of the commit"`
	Time   Text          `yaml:"time,required" doc:"commit time (RFC 3339, UTC); SOURCE_DATE_EPOCH of the images"`
}

// LockedPatch pins one patch set's variant for the base.
type LockedPatch struct {
	Window version.Window `yaml:"window,required" doc:"window of the chosen variant"`
	Pull   int            `yaml:"pull" doc:"pull request number, where the variant is one"`
	Base   Text           `yaml:"base" doc:"pull request: base commit"`
	Head   Text           `yaml:"head" doc:"pull request: head commit"`
	SHA256 Text           `yaml:"sha256,required" doc:"digest of the normalised diff (all patch files in order)"`

	Pos diag.Pos `yaml:"-"`
}

// LockedBase pins a container's base: an image digest, or a bootstrap, which is not pinned (its suite moves).
type LockedBase struct {
	Image     Text `yaml:"image" doc:"image reference with digest"`
	Bootstrap Text `yaml:"bootstrap" doc:"suite of the debootstrap base"`

	Pos diag.Pos `yaml:"-"`
}
