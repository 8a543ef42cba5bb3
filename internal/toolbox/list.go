package toolbox

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Box is a container of ours.
type Box struct {
	Spec
	Container string // its name now
	Running   bool
	Created   time.Time
	role      string // what its name ends in; "": it is the one in use
}

// Set is a toolbox with what is kept beside it. Each may be nil.
type Set struct {
	Name              string
	Current, Previous *Box
	next, aside       *Box
}

// Toolboxes lists the toolboxes of whoever asks, by name.
func (p *Podman) Toolboxes(ctx context.Context) ([]*Set, error) {
	out, err := p.run(ctx, podman("ps", "--all", "--filter", "label="+labelName, "--format", "json"))
	if err != nil {
		return nil, err
	}
	var rows []row
	if strings.TrimSpace(out) != "" {
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			return nil, fmt.Errorf("podman ps: %w", err)
		}
	}
	return sets(rows)
}

// row is what podman ps says of a container.
type row struct {
	Names   []string
	Labels  map[string]string
	State   string
	Command []string
	Image   string // its name when the container was made
	Created int64  // seconds since 1970
}

// ours reports whether we made a container of that spec. Labels alone do not tell: one that somebody cloned (distrobox create --clone) has them too, but
// another image; and those of toolbox(1) are the image's, so whoever runs that by hand has them, but only toolbox(1)'s containers run toolbox(1).
func (r row) ours(s Spec) bool {
	return r.Image == s.image() && (s.Manager != Toolbox || len(r.Command) > 0 && path.Base(r.Command[0]) == Toolbox)
}

// box is what we know of a container; nil: it is none of ours.
func (r row) box() (*Box, error) {
	s, err := specOf(r.Labels)
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", r.Names, err)
	}
	if len(r.Names) == 0 || !r.ours(s) {
		return nil, nil //nolint:nilnil // see above
	}
	b := &Box{Spec: s, Container: r.Names[0], Running: r.State == "running", Created: time.Unix(r.Created, 0)}
	end, ok := strings.CutPrefix(b.Container, s.Name)
	if ok && slices.Contains([]string{"", endPrevious, endNext, endAside}, end) {
		b.role = end
	} else {
		b.Name = b.Container // somebody renamed it
	}
	return b, nil
}

func sets(rows []row) ([]*Set, error) {
	byName := map[string]*Set{}
	var out []*Set
	for _, r := range rows {
		b, err := r.box()
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		s := byName[b.Name]
		if s == nil {
			s = &Set{Name: b.Name}
			byName[b.Name] = s
			out = append(out, s)
		}
		*s.place(b.role) = b
	}
	slices.SortFunc(out, func(x, y *Set) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// place is where a set has the container whose name ends so.
func (s *Set) place(end string) **Box {
	switch end {
	case endPrevious:
		return &s.Previous
	case endNext:
		return &s.next
	case endAside:
		return &s.aside
	}
	return &s.Current
}

// boxes are the containers of a set, the one in use first.
func (s *Set) boxes() []*Box {
	if s == nil {
		return nil
	}
	return slices.DeleteFunc([]*Box{s.Current, s.next, s.aside, s.Previous}, func(b *Box) bool { return b == nil })
}

// Any is a container of the set, the one in use if it is there.
func (s *Set) Any() *Box { return s.boxes()[0] }

// Half reports whether a refresh or a rollback was interrupted.
func (s *Set) Half() bool { return s.Current == nil || s.next != nil || s.aside != nil }

// RolledBack reports whether the toolbox is older than what is kept as its previous one: only a rollback makes it so.
func (s *Set) RolledBack() bool {
	return s.Current != nil && s.Previous != nil && s.Previous.Created.After(s.Current.Created)
}
