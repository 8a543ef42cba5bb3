package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// In the repository's own folder: what the commits were made of, and the message for the patch that did not apply.
const (
	stateFile   = "strix-build/series.json"
	messageFile = ".git/" + messageDot
	messageDot  = "strix-build/message"
)

// unfinished are what git keeps while HEAD is not where its user wants it.
var unfinished = []string{"rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"}

// stateVersion is raised when an older program would read the state wrong.
const stateVersion = 1

// state is what a repository's commits do not say: the patches that got none, and how all of them looked.
type state struct {
	Version int
	Base    Base
	Root    string // the base's commit in this repository
	Patches []kept // all of the recipe's, in order
	Stopped string // the head when a patch did not apply; "" when none waits
}

// kept is a patch and what became of it.
type kept struct {
	Patch
	State patch.State // "" while it waits
}

// waiting are the patches that were not tried.
func (s *state) waiting() []*kept {
	var out []*kept
	for i := range s.Patches {
		if s.Patches[i].State == "" {
			out = append(out, &s.Patches[i])
		}
	}
	return out
}

// sets are the patch sets by name, in the order of the recipe.
func (s *state) sets() []string {
	var out []string
	for _, p := range s.Patches {
		if !slices.Contains(out, p.Set) {
			out = append(out, p.Set)
		}
	}
	return out
}

// find returns the patch of a set and path, or nil.
func (s *state) find(set, path string) *kept {
	for i := range s.Patches {
		if p := &s.Patches[i]; p.Set == set && p.Path == path {
			return p
		}
	}
	return nil
}

func (r *repo) saveState(s *state) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return r.writeDot(stateFile, data)
}

func (r *repo) loadState() (*state, error) {
	data, err := os.ReadFile(r.dot(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: .git/%s is not there (a clone of one does not have it)", r.dir, ErrNoRepository, stateFile)
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: .git/%s: %w", r.dir, stateFile, err)
	}
	for _, name := range unfinished {
		if _, err := os.Stat(r.dot(name)); err == nil {
			return nil, flag("%s: a rebase, merge or cherry-pick is not finished; see %s status", r.dir, upstream.GitIn(r.dir))
		}
	}
	if s.Version > stateVersion {
		return nil, fmt.Errorf("%s was made by a newer strix-build; use that one", r.dir)
	}
	return &s, nil
}
