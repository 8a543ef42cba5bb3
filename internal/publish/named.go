package publish

import (
	"context"
	"fmt"
	"strings"
)

// Named is what a tag or a digest names.
type Named struct {
	Digest  string   // of what it names
	Image   string   // the one that is pulled: of a name that follows, the successor's
	Retired *Retired // nil: it is no name of a retired channel
}

// IndexError is a name of an index that alias did not make: which of its images is pulled depends on who pulls.
type IndexError struct {
	Name string // with its repository
	Kind string // media type
	Why  string // where it looks like one of alias's
}

func (e *IndexError) Error() string {
	text := fmt.Sprintf("%s names an index: %s, of which each machine pulls another part; want an image", e.Name, e.Kind)
	if e.Why != "" {
		text += " (" + e.Why + ")"
	}
	return text
}

// Named is what a tag or a digest names, which must be there, with all that it names itself. The error is [IndexError] where it is an index of which nobody
// can say what is pulled.
func (r *Repository) Named(ctx context.Context, what string) (*Named, error) {
	d, err := r.look(ctx, what)
	full := r.name.String() + ":" + what
	isDigest := strings.Contains(what, ":")
	if isDigest {
		full = r.name.String() + "@" + what
	}
	switch {
	case err != nil:
		return nil, err
	case d == nil && isDigest:
		return nil, fmt.Errorf("%s has no image %s", r, what)
	case d == nil:
		return nil, fmt.Errorf("%s has no tag %q", r, what)
	}
	out := &Named{d.Digest.String(), d.Digest.String(), retiredBy(d)}
	if !d.MediaType.IsIndex() {
		return out, nil
	}
	if out.Retired == nil {
		return nil, &IndexError{Name: full, Kind: string(d.MediaType)}
	}
	made, err := r.indexOf(ctx, *out.Retired, out.Retired.Image)
	if err != nil {
		return nil, err
	}
	if h, err := made.Digest(); err != nil || h != d.Digest {
		return nil, &IndexError{full, string(d.MediaType), "its image or its notice is not what it says of them"}
	}
	out.Image = out.Retired.Image
	return out, nil
}

// Find is the digest of the image that a tag names, or the digest itself; an error where there is no such tag or image. A name that follows another channel
// names the image of that one.
func (r *Repository) Find(ctx context.Context, what string) (string, error) {
	named, err := r.Named(ctx, what)
	if err != nil {
		return "", err
	}
	return named.Image, nil
}
