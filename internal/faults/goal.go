package faults

import (
	"context"
	"fmt"
	"time"

	"strix-build/internal/publish"
	"strix-build/internal/tag"
)

// goal is what is to be seen when an operation is done.
type goal struct {
	op           Operation
	repo, digest string
}

// missed says what is not as it should be when an operation is done; "": nothing.
func (l *lane) missed(ctx context.Context, g goal) (string, error) {
	r, err := l.watch.open(g.repo)
	if err != nil {
		return "", err
	}
	channel, err := r.Head(ctx, l.client.Recipe)
	if err != nil {
		return "", err
	}
	if channel != g.digest {
		return fmt.Sprintf("the channel is %q, not %s", channel, g.digest), nil
	}
	if g.op != Prune {
		return "", nil
	}
	plan, err := r.Plan(ctx, pruning())
	if err != nil || len(plan) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d images are left that should be gone", len(plan)), nil
}

// pruning is what Prune's command line asks for: all but the newest, and what is used.
func pruning() publish.Pruning { return publish.Pruning{Before: time.Now().AddDate(1, 0, 0), Keep: 1} }

// prepare brings the registry to where an operation has something to do, without a fault, and says what will have been reached.
func (l *lane) prepare(ctx context.Context, op Operation) (goal, error) {
	repo := l.front + "/" + repository
	g := goal{op: op, repo: repository}
	r, err := l.watch.open(repository)
	if err != nil {
		return g, err
	}
	switch op {
	case Publish:
		g.digest, err = l.client.Next(ctx)
	case Promote:
		if g.digest, err = l.client.Next(ctx); err == nil {
			err = l.clean(ctx, l.client.Stage(repo))
		}
	case Rollback:
		if _, err = l.client.Next(ctx); err == nil {
			err = l.clean(ctx, l.client.Args(Publish, repo, ""))
		}
		if err == nil {
			g.digest, err = r.Head(ctx, tag.Moving(l.client.Recipe, tag.LastGood).String())
		}
	case Copy:
		l.copies++
		g.repo = fmt.Sprintf("me/copy%d", l.copies)
		g.digest, err = r.Head(ctx, l.client.Recipe)
	case Prune:
		g.digest, err = r.Head(ctx, l.client.Recipe)
	}
	return g, err
}
