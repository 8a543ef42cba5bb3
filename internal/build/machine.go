package build

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/sourcegraph/conc"

	"strix-build/internal/buildkit"
	"strix-build/internal/fleet"
)

// Endpoint is a builder that can be connected to.
type Endpoint struct {
	Name    string // what people call it; "" for one that is looked for
	Connect func(context.Context) (*buildkit.Builder, error)
}

// perMachine is how many recipes one of several builders has at a time: one compiles, the other fetches, configures or is packed.
const perMachine = 2

// machine is a builder of this run.
type machine struct {
	*buildkit.Builder
	endpoint string // its name
	name     string // the same; "" where it is the only one
	// One sibling after the other: each compiler run takes every core, and the second finds in the compiler cache what the
	// first put there.
	compiling sync.Mutex

	mu      sync.Mutex
	ccaches map[string]*compilerCache // by tag
}

// machines are the builders of one run. Needs are what each must be able to do.
func (b *Builder) machines(ctx context.Context, needs []buildkit.Need) *fleet.Fleet[*machine] {
	several := len(b.Builders) > 1
	ids := &identities{}
	var members []fleet.Member[*machine]
	for _, e := range b.Builders {
		members = append(members, fleet.Member[*machine]{Name: e.Name, Open: func(ctx context.Context) (*machine, error) {
			bk, err := e.Connect(ctx)
			if err != nil {
				return nil, err
			}
			m := &machine{Builder: bk, endpoint: e.Name}
			if several {
				m.name = e.Name
				err = ids.take(bk.ID(), e.Name)
			}
			if err == nil {
				err = bk.Require(needs...)
			}
			if err != nil {
				b.close(m)
				return nil, err
			}
			return m, nil
		}})
	}
	return fleet.New(ctx, members, fleet.Options[*machine]{
		Slots: perMachine,
		Lost:  func(ctx context.Context, m *machine, err error) bool { return m.Lost(ctx, err) },
		Close: b.close,
		Say:   func(text string) { b.say("builder " + text) },
	})
}

// watched does work that ends when one of several builders falls silent; where there is only one, somebody may wait for it to come back.
func (m *machine) watched(ctx context.Context, watch func(context.Context) error, work func(context.Context) error) error {
	if m.name == "" {
		return work(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watching conc.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		if err := watch(ctx); err != nil {
			cancel(fmt.Errorf("%s: %w", m.name, err))
		}
	})
	return work(ctx)
}

func (b *Builder) close(m *machine) {
	if err := m.Close(); err != nil {
		b.Log.Debug("close a builder", "builder", m.How, "error", err)
	}
}

// identities tell that two addresses lead to one builder.
type identities struct {
	mu    sync.Mutex
	names map[string]string
}

func (i *identities) take(id, name string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.names == nil {
		i.names = map[string]string{}
	}
	if first, ok := i.names[id]; ok && first != name {
		return fmt.Errorf("it is the same builder as %s", first)
	}
	i.names[id] = name
	return nil
}

// say shows a line among the steps, where people look now, and keeps it for the end.
func (b *Builder) say(text string) {
	_ = b.Display.Step(text, func(io.Writer) error { return nil })
	b.notices.Lock()
	defer b.notices.Unlock()
	b.notices.lines = append(b.notices.lines, text)
}

type notices struct {
	sync.Mutex
	lines []string
}

// Notices are what became of builders since the last call, for people.
func (b *Builder) Notices() []string {
	b.notices.Lock()
	defer b.notices.Unlock()
	lines := b.notices.lines
	b.notices.lines = nil
	return lines
}

// feed shows a solve. With several builders each step's name begins with the builder's, and one step is shown for each of them.
func (b *Builder) feed(m *machine, solve func(status chan *client.SolveStatus) error) error {
	if m.name == "" {
		return b.Display.Feed(solve)
	}
	return b.Display.Feed(func(shown chan *client.SolveStatus) error {
		status := make(chan *client.SolveStatus)
		var forward sync.WaitGroup
		forward.Go(func() {
			defer close(shown)
			for ss := range status {
				shown <- m.named(ss)
			}
		})
		defer forward.Wait()
		return solve(status)
	})
}

func (m *machine) named(ss *client.SolveStatus) *client.SolveStatus {
	out := &client.SolveStatus{}
	for _, v := range ss.Vertexes {
		c := *v
		c.Digest, c.Name, c.Inputs = m.shown(v.Digest), "["+m.name+"] "+v.Name, nil
		for _, in := range v.Inputs {
			c.Inputs = append(c.Inputs, m.shown(in))
		}
		out.Vertexes = append(out.Vertexes, &c)
	}
	for _, s := range ss.Statuses {
		c := *s
		c.Vertex = m.shown(s.Vertex)
		out.Statuses = append(out.Statuses, &c)
	}
	for _, l := range ss.Logs {
		c := *l
		c.Vertex = m.shown(l.Vertex)
		out.Logs = append(out.Logs, &c)
	}
	for _, w := range ss.Warnings {
		c := *w
		c.Vertex = m.shown(w.Vertex)
		out.Warnings = append(out.Warnings, &c)
	}
	return out
}

// shown is what the display knows a vertex by.
func (m *machine) shown(vertex digest.Digest) digest.Digest {
	if m.name == "" {
		return vertex
	}
	return digest.FromString(m.name + " " + vertex.String())
}
