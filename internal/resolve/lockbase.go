package resolve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
)

// lockContainers pins the base of every container.
func (l *locker) lockContainers(ctx context.Context) (map[string]recipe.LockedBase, error) {
	users := map[string][]diag.Pos{}
	for _, r := range l.recipes {
		users[r.Container.Value] = append(users[r.Container.Value], r.Container.Pos)
	}
	names, err := recipe.Containers(l.in.FS)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		users[n] = slices.Clip(users[n])
	}
	out := map[string]recipe.LockedBase{}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		pinned, err := l.lockContainer(ctx, name, users[name])
		switch {
		case err == nil:
			out[name] = pinned
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case len(users[name]) == 0:
			l.note("container %q is used by no recipe of track %q and is not locked: %s", name, l.in.Track, err)
		default:
			if err := l.merge(err); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (l *locker) lockContainer(ctx context.Context, name string, users []diag.Pos) (recipe.LockedBase, error) {
	c, err := recipe.LoadContainer(l.in.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return recipe.LockedBase{}, at(users, err, "")
	}
	if err != nil {
		return recipe.LockedBase{}, err
	}
	image, bootstrap := c.Base.Image, c.Base.Bootstrap
	switch {
	case l.in.Bases == BasesBootstrap && bootstrap == nil:
		return recipe.LockedBase{}, problem(c.Pos, "lock with --bases auto", "container %q has no bootstrap", name)
	case l.in.Bases == BasesImage && image.Value == "":
		return recipe.LockedBase{}, problem(c.Pos, "lock with --bases auto", "container %q has no base image", name)
	case l.in.Bases == BasesBootstrap || image.Value == "":
		return recipe.LockedBase{Bootstrap: text(bootstrap.Suite.Value)}, nil
	}
	pinned, err := l.lockImage(ctx, image.Value)
	if err == nil {
		return recipe.LockedBase{Image: text(pinned)}, nil
	}
	return l.withoutRegistry(c, err)
}

// withoutRegistry is what is left when an image's digest could not be had.
func (l *locker) withoutRegistry(c *recipe.Container, err error) (recipe.LockedBase, error) {
	none := recipe.LockedBase{}
	hint := "check the name, and log in to the registry where it asks for that"
	if unreachable(err) {
		hint = "lock where the registry can be reached"
	}
	if !unreachable(err) || l.in.Bases == BasesImage {
		return none, problem(c.Base.Image.Pos, hint, "container %q: %s", c.Name, err)
	}
	if old := l.oldImage(c); old != "" {
		l.note("container %q keeps the digest of the old lock, because its image's registry does not answer: %s", c.Name, err)
		return recipe.LockedBase{Image: text(old)}, nil
	}
	if b := c.Base.Bootstrap; b != nil {
		l.note("container %q is made by bootstrap of %q, which is not pinned, because its image's registry does not answer: %s",
			c.Name, b.Suite, err)
		return recipe.LockedBase{Bootstrap: text(b.Suite.Value)}, nil
	}
	return none, problem(c.Base.Image.Pos, hint, "container %q: %s", c.Name, err)
}

// oldImage is the old lock's pin of the same image reference, or "".
func (l *locker) oldImage(c *recipe.Container) string {
	if l.old == nil {
		return ""
	}
	old := l.old.Containers[c.Name.Value].Image.Value
	if !strings.HasPrefix(old, c.Base.Image.Value+"@") {
		return ""
	}
	return old
}

// lockImage adds the digest to an image reference. A registry that was silent once is not asked again.
func (l *locker) lockImage(ctx context.Context, ref string) (string, error) {
	host := ""
	if r, err := name.ParseReference(ref); err == nil {
		host = r.Context().RegistryStr()
	}
	if l.silent[host] {
		return "", fmt.Errorf("resolve image %q: %s: %w", ref, host, errSilent)
	}
	digest, err := ImageDigest(ctx, ref)
	if err != nil {
		if unreachable(err) {
			l.silent[host] = true
		}
		return "", err
	}
	if strings.Contains(ref, "@") {
		return ref, nil
	}
	return ref + "@" + digest, nil
}

func problem(pos diag.Pos, hint, format string, a ...any) error {
	var list diag.List
	list.Add(pos, hint, format, a...)
	return list.Err()
}
