package build

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"slices"
	"time"

	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// made writes down how an image is asked for. It is asked before the build: the project's files may be others after it.
func (b *Builder) made(p *Plan, opt Options, started time.Time) store.Made {
	m := store.Made{Tool: b.Tool, Track: p.Track.Name, Base: opt.Base, Set: slices.Clone(opt.Set), Waive: slices.Clone(opt.Waive), Files: map[string]string{}, Started: started.UTC()}
	files := maps.Clone(p.Files)
	lock := recipe.LockFile(p.Track.Name)
	if data, err := fs.ReadFile(b.Project.FS, lock); err == nil {
		files[lock] = data
	}
	for name, data := range files {
		sum := sha256.Sum256(data)
		m.Files[name] = hex.EncodeToString(sum[:])
	}
	return m
}
