package resolve

import (
	"context"
	"errors"
	"fmt"

	"strix-build/internal/upstream"
)

// keep takes the old lock's base. The source is asked for it, so that a lock whose number is wrong is put right; where
// a server does not answer or does not know the commit's number any more, the lock is believed.
func (l *locker) keep(ctx context.Context) error {
	old := l.old.LlamaCpp
	err := l.find(ctx, old.Commit.Value)
	switch {
	case err == nil:
		return l.renumber(ctx)
	case l.origin.Path != "" || ctx.Err() != nil:
		return err
	}
	m := upstream.Mark{Commit: upstream.Commit{ID: old.Commit.Value, Build: old.Build}}
	pinned, ok := upstream.PinnedHistory(ctx, m, l.in.CacheDir)
	switch {
	case ok:
		l.history = pinned
	case !errors.Is(err, upstream.ErrNoBuild):
		return fmt.Errorf("%w; nor is the base in this machine's cache; a clone that has the commit is taken instead "+
			"with --source llama.cpp=PATH", err)
	}
	if errors.Is(err, upstream.ErrNoBuild) {
		l.note("no bN tag of %s is on commit %.12s, so its number stays the old lock's, %s", l.origin.Source, m.ID, m.Build)
	} else {
		l.note("the base stays the old lock's, %s, as it is in this machine's cache, because of: %s", m.Build, err)
	}
	if _, err := l.fitInput(ctx); err != nil {
		return err
	}
	l.base, err = l.history.Resolve(ctx, m)
	return err
}

// renumber compares the number that the source gives the kept base with the old lock's. A server may have several tags
// on the commit; that of the lock is as good as another.
func (l *locker) renumber(ctx context.Context) error {
	old := l.old.LlamaCpp.Build
	if l.base.Build == old {
		return nil
	}
	if l.origin.Path == "" {
		c, err := l.origin.Find(ctx, old.String())
		if err == nil && c.ID == l.base.ID {
			l.base.Build = old
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	l.note("commit %.12s is %s in %s; the old lock said %s", l.base.ID, l.base.Build, l.origin.Source, old)
	return nil
}

// mirror keeps the base where a build looks for it. A clone is read as it is.
func (l *locker) mirror(ctx context.Context) error {
	if !l.in.Mirror || l.in.CacheDir == "" || l.origin.Path != "" {
		return nil
	}
	_, err := upstream.Mirror(ctx, l.origin.Source, l.base.ID, l.in.CacheDir)
	return err
}
