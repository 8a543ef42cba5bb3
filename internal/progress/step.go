package progress

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// Step runs fn and shows it like a step of a solve: its name, what it writes to
// log, how long it took, and its error. The error is returned as it is.
func (d *Display) Step(name string, fn func(log io.Writer) error) error {
	feed := d.newFeed()
	started := time.Now()
	v := client.Vertex{Digest: d.stepDigest(name), Name: name, Started: &started}
	d.show(feed, &client.SolveStatus{Vertexes: []*client.Vertex{&v}})

	log := &stepLog{show: func(data []byte) {
		l := &client.VertexLog{Vertex: v.Digest, Stream: 1, Data: data, Timestamp: time.Now()}
		d.show(feed, &client.SolveStatus{Logs: []*client.VertexLog{l}})
	}}
	err := fn(log)
	log.end()

	ended := v // the display keeps the first one
	completed := time.Now()
	ended.Completed = &completed
	if err != nil {
		ended.Error = err.Error()
	}
	d.show(feed, &client.SolveStatus{Vertexes: []*client.Vertex{&ended}})
	return err
}

// stepDigest is what the display knows a step by: two steps of one name are two.
func (d *Display) stepDigest(name string) digest.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps++
	return digest.FromString(fmt.Sprintf("step %d: %s", d.steps, name))
}

// stepLog is a step's log. What comes after the step has ended is dropped.
type stepLog struct {
	mu    sync.Mutex
	ended bool
	show  func([]byte)
}

func (l *stepLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && len(p) > 0 {
		l.show(bytes.Clone(p))
	}
	return len(p), nil
}

func (l *stepLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
