package resolve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"strix-build/internal/diag"
	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
	"strix-build/internal/upstream"
)

// lockPatches pins the variant of every patch set for the base.
func (l *locker) lockPatches(ctx context.Context) (map[string]recipe.LockedPatch, error) {
	users := map[string][]diag.Pos{}
	for _, r := range l.recipes {
		for _, p := range r.Patches {
			users[p.Value] = append(users[p.Value], p.Pos)
		}
	}
	names, err := patch.Sets(l.in.FS)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		users[n] = slices.Clip(users[n])
	}
	out := map[string]recipe.LockedPatch{}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		pinned, err := l.lockSet(ctx, name, users[name])
		switch {
		case err == nil && pinned != nil:
			out[name] = *pinned
		case err == nil:
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case len(users[name]) == 0:
			l.note("patch set %q is used by no recipe of track %q and is not locked: %s", name, l.in.Track, err)
		default:
			if err := l.merge(err); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// lockSet pins one set. users are the recipe lines that ask for it; a set that nobody asks for and that has no
// variant for the base gives nil.
func (l *locker) lockSet(ctx context.Context, name string, users []diag.Pos) (*recipe.LockedPatch, error) {
	set, err := patch.LoadSet(l.in.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, at(users, err, "")
	}
	if err != nil {
		return nil, err
	}
	v, err := set.Variant(l.base.Build)
	if err != nil {
		return nil, nil // for those who ask for it, judge says so
	}
	if v.Pull != nil {
		if err := l.checkHead(ctx, v.Pull); err != nil {
			return nil, err
		}
	}
	form, err := fit.ReadForm(ctx, l.in.FS, set, v, l.diff)
	if err != nil {
		return nil, err
	}
	files := form.Files
	out := &recipe.LockedPatch{Window: v.Window, SHA256: text(patch.Digest(files))}
	if v.Pull != nil {
		out.Pull, out.Base, out.Head = v.Pull.Number, text(v.Pull.Base.Value), text(v.Pull.Head.Value)
	}
	if v.SHA256.Value != "" && v.SHA256.Value != out.SHA256.Value {
		return nil, problem(v.SHA256.Pos, "read the change; if it is wanted, write the new digest here",
			"the diff of patch set %q has digest %s, and %s is pinned", name, out.SHA256, v.SHA256)
	}
	return out, nil
}

// at repeats err's text for each place.
func at(places []diag.Pos, err error, hint string) error {
	var e *diag.Error
	if !errors.As(err, &e) || len(places) == 0 {
		return err
	}
	var list diag.List
	for _, pos := range places {
		for _, p := range e.Problems {
			list.Add(pos, hint, "%s", p.Msg)
		}
	}
	return &diag.Error{Problems: list, Cause: e.Cause}
}

// Diff makes the diff of a pinned pull request. Where that cannot be had, the error is a *diag.Error at the pin.
func Diff(ctx context.Context, o *upstream.Origin, p *patch.Pull, cacheDir string) ([]byte, error) {
	data, err := o.Diff(ctx, p.Base.Value, p.Head.Value, cacheDir)
	if err == nil {
		return data, nil
	}
	hint := ""
	if errors.Is(err, upstream.ErrNotFound) && o.Path != "" {
		hint = fmt.Sprintf("%s fetch %s %s", upstream.GitIn(o.Path), upstream.URL, upstream.PullRef(p.Number))
	}
	return nil, problem(p.Head.Pos, hint, "pull request %d: %s", p.Number, reason(ctx, err))
}

// checkHead compares a pull request's head with the pinned one. A head that moved is reported and never followed.
func (l *locker) checkHead(ctx context.Context, p *patch.Pull) error {
	head, err := l.origin.PullHead(ctx, p.Number)
	switch {
	case errors.As(err, new(*upstream.SilentError)) && ctx.Err() == nil: // and the base was found without it
		l.note("%s does not answer, so whether pull request %d moved is not known; the pinned head %.12s is used",
			l.origin.Source, p.Number, p.Head.Value)
	case err != nil:
		return fmt.Errorf("pull request %d: %w", p.Number, err)
	case head == "":
		l.note("%s has no %s, so whether pull request %d moved is not known; the pinned head %.12s is used",
			l.origin.Source, upstream.PullRef(p.Number), p.Number, p.Head.Value)
	case head != p.Head.Value:
		return problem(p.Head.Pos, "read what changed between the two; then pin the new base and head here and drop sha256, "+
			"or keep the old ones with a vendored series",
			"pull request %d moved: %s is pinned, its head is now %s", p.Number, p.Head, head)
	}
	return nil
}
