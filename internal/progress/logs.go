package progress

import (
	"bytes"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// KeepLogBytes is how much of the end of each vertex's log can be read back.
const KeepLogBytes = 64 << 10

// Logs returns the end of what a vertex wrote, stdout and stderr in the order they
// came: at most [KeepLogBytes], beginning at a line's start. It is nil for a vertex
// that wrote nothing. The digest of a failed op is in BuildKit's errdefs.VertexError.
func (d *Display) Logs(vertex digest.Digest) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.logs[vertex]; t != nil {
		return t.bytes()
	}
	return nil
}

func (d *Display) keep(l *client.VertexLog) {
	t := d.logs[l.Vertex]
	if t == nil {
		t = new(tail)
		d.logs[l.Vertex] = t
	}
	t.write(l.Data)
}

// tail holds the end of a stream.
type tail struct {
	data []byte
	cut  bool // data does not begin where the stream did
}

// write lets the data grow to twice what is kept, so that it is not copied each time.
func (t *tail) write(p []byte) {
	t.data = append(t.data, p...)
	if len(t.data) > 2*KeepLogBytes {
		t.data = append([]byte(nil), t.data[len(t.data)-KeepLogBytes:]...)
		t.cut = true
	}
}

func (t *tail) bytes() []byte {
	data, cut := t.data, t.cut
	if len(data) > KeepLogBytes {
		data, cut = data[len(data)-KeepLogBytes:], true
	}
	if cut {
		if _, rest, ok := bytes.Cut(data, []byte("\n")); ok {
			data = rest
		}
	}
	return bytes.Clone(data)
}
