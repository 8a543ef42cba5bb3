package progress

import (
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// claims says which feed shows which vertex. Solves that share a step are told the
// same things about it at the same time; only one of them is listened to.
type claims map[digest.Digest]*claim

// claim is one feed's hold on a vertex.
type claim struct {
	feed      int
	started   bool
	completed *time.Time
	failed    bool
	released  bool // the feed ended and did not see the vertex succeed
}

// filter returns the part of ss that belongs to the feed, nil when that is nothing.
func (c claims) filter(feed int, ss *client.SolveStatus) *client.SolveStatus {
	var out client.SolveStatus
	for _, v := range ss.Vertexes {
		if c.takes(feed, v) {
			out.Vertexes = append(out.Vertexes, v)
		}
	}
	for _, s := range ss.Statuses {
		if c.holds(feed, s.Vertex) {
			out.Statuses = append(out.Statuses, s)
		}
	}
	for _, l := range ss.Logs {
		if c.holds(feed, l.Vertex) {
			out.Logs = append(out.Logs, l)
		}
	}
	for _, w := range ss.Warnings {
		if c.holds(feed, w.Vertex) {
			out.Warnings = append(out.Warnings, w)
		}
	}
	if len(out.Vertexes)+len(out.Statuses)+len(out.Logs)+len(out.Warnings) == 0 {
		return nil
	}
	return &out
}

// takes says whether the feed may show v, and writes down that it does.
func (c claims) takes(feed int, v *client.Vertex) bool {
	held := c[v.Digest]
	if held == nil || held.feed != feed {
		if held != nil && !held.yields(v) {
			return false
		}
		held = &claim{feed: feed}
		c[v.Digest] = held
	}
	if v.Started != nil {
		held.started, held.completed, held.failed = true, v.Completed, v.Error != ""
	}
	return true
}

// yields says whether another feed may take the vertex over: nobody saw it start,
// its feed is gone, or it runs once more (the cache was pruned, or never kept it).
func (c *claim) yields(v *client.Vertex) bool {
	if c.released {
		return true
	}
	if v.Started == nil {
		return false
	}
	if !c.started {
		return true
	}
	again := c.completed != nil && v.Started.After(*c.completed)
	return again && !v.Cached
}

// holds says whether the feed may show what belongs to a vertex. A feed that comes
// upon a vertex whose own feed is gone takes it over.
func (c claims) holds(feed int, vertex digest.Digest) bool {
	held := c[vertex]
	if held != nil && held.released {
		c[vertex] = &claim{feed: feed, started: held.started}
		return true
	}
	return held == nil || held.feed == feed
}

// release gives back what the feed had not seen succeed when it ended.
func (c claims) release(feed int) {
	for _, held := range c {
		if held.feed == feed && (held.completed == nil || held.failed) {
			held.released = true
		}
	}
}
