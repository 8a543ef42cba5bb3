// Package weekly keeps the books of a weekly run: who is at it, what it found and did, and the summary for people and programs.
//
// It does not lock tracks, build, gate or publish, and it reads no clock.
package weekly

import (
	"cmp"
	"slices"
	"time"
)

// Format is the version of the document.
const Format = 1

// Run is one weekly run. It is written down after every step, so that one that was interrupted says how far it came.
type Run struct {
	Format     int        `json:"format"`
	Tool       string     `json:"tool"` // strix-build and its version
	Host       string     `json:"host"`
	Of         string     `json:"of"`                   // what bases are chosen by: the project's folder, and flags; a run goes on with one of the same
	Repository string     `json:"repository,omitempty"` // where it published; none: nowhere
	DryRun     bool       `json:"dryRun,omitempty"`
	Started    time.Time  `json:"started"`
	Resumed    *time.Time `json:"resumed,omitempty"` // when the last try began, of a run that was interrupted
	Ended      *time.Time `json:"ended,omitempty"`   // nil: it was interrupted, or is at work
	Tracks     []Track    `json:"tracks"`
	Forecast   []Outlook  `json:"forecast"`
	Siblings   []Sibling  `json:"siblings"`
	Channels   []Channel  `json:"channels"`
	Pruned     []string   `json:"pruned"` // fixed tags that went, or would go
	Problems   []Problem  `json:"problems"`
}

// Track is what came of a track's lock.
type Track struct {
	Name   string   `json:"name"`
	Was    string   `json:"was,omitempty"` // build of the lock before
	Base   string   `json:"base"`          // build
	Commit string   `json:"commit"`
	Kept   bool     `json:"kept,omitempty"` // the lock was not refreshed: it is a resumed run's, was to be kept, or could not be made anew
	Newer  string   `json:"newer,omitempty"`
	Held   []string `json:"held,omitempty"` // who holds it back, in words
	Left   []string `json:"left,omitempty"` // recipes that its lock was made without
}

// Outlook is what a forecast says of a patch set that stops to apply.
type Outlook struct {
	Set  string `json:"set"`
	Text string `json:"text"`
}

// State is what became of a sibling.
type State string

// States.
const (
	Waiting   State = "waiting" // it was not its turn yet
	Unchanged State = "unchanged"
	WouldMake State = "would build"
	Built     State = "built"     // nobody asked for more
	Candidate State = "candidate" // published; its channel stays, because nothing here could judge it
	Moved     State = "channel moved"
	Refused   State = "refused" // by the gate, or by what else a channel needs
	Failed    State = "failed"
	Left      State = "left behind" // on an older base, or without one
)

// Sibling is one image of a track.
type Sibling struct {
	Recipe  string        `json:"recipe"`
	Track   string        `json:"track"`
	State   State         `json:"state"`
	Base    string        `json:"base,omitempty"`
	Image   string        `json:"image,omitempty"` // in the store
	Digest  string        `json:"digest,omitempty"`
	Key     string        `json:"key,omitempty"`
	Verdict string        `json:"verdict,omitempty"` // of the gate, or ungated
	Why     string        `json:"why,omitempty"`     // of a state that is not as hoped, or of the verdict
	Hint    string        `json:"hint,omitempty"`
	Tag     string        `json:"tag,omitempty"` // the fixed one
	Was     string        `json:"was,omitempty"` // digest of the channel before
	Took    time.Duration `json:"took,omitempty"`
	Cached  *Cached       `json:"cached,omitempty"`
}

// Bad reports whether a sibling's channel must stay, whatever else is done with it.
func (s *Sibling) Bad() bool { return s.State == Failed || s.State == Refused || s.State == Left }

// Done reports whether an image was made, and nothing is wrong with it: a run that goes on has nothing to add but what was not published yet.
func (s *Sibling) Done() bool { return s.State == Built || s.State == Candidate || s.State == Moved }

// Cached is how often the compiler cache answered.
type Cached struct {
	Hits  int `json:"hits"`
	Calls int `json:"calls"`
}

// Channel is what users of a recipe get after the run.
type Channel struct {
	Recipe string    `json:"recipe"` // with the track's suffix
	Digest string    `json:"digest"`
	Tag    string    `json:"tag,omitempty"` // the fixed one of the same image
	Built  time.Time `json:"built,omitzero"`
	TooOld bool      `json:"tooOld,omitempty"`
}

// Problem is of the run as a whole or of a track.
type Problem struct {
	Track string `json:"track,omitempty"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

// GoOn makes a run that was interrupted one that goes on now. What it chose and made stays; what it looked at, and what went wrong, is asked again.
func (r *Run) GoOn(now time.Time) {
	r.Resumed = &now
	r.Problems, r.Forecast, r.Channels = []Problem{}, []Outlook{}, []Channel{}
	for i := range r.Siblings {
		if s := &r.Siblings[i]; s.Bad() {
			s.State = Waiting
		}
	}
}

// Track finds the books of a track; nil: there are none.
func (r *Run) Track(name string) *Track {
	for i := range r.Tracks {
		if r.Tracks[i].Name == name {
			return &r.Tracks[i]
		}
	}
	return nil
}

// Sibling finds the books of one sibling, and opens them where there are none yet.
func (r *Run) Sibling(track, recipe string) *Sibling {
	at := func(s Sibling, _ struct{}) int {
		return cmp.Or(cmp.Compare(s.Track, track), cmp.Compare(s.Recipe, recipe))
	}
	i, ok := slices.BinarySearchFunc(r.Siblings, struct{}{}, at)
	if !ok {
		r.Siblings = slices.Insert(r.Siblings, i, Sibling{Recipe: recipe, Track: track, State: Waiting})
	}
	return &r.Siblings[i]
}

// Count is how many siblings are in a state.
func (r *Run) Count(state State) (n int) {
	for _, s := range r.Siblings {
		if s.State == state {
			n++
		}
	}
	return n
}
