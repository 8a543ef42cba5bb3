package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/util/entitlements"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
)

// Solve is one session with a builder: states are evaluated one after the other, the last may be exported.
type Solve struct {
	Stores  map[string]content.Store // OCI stores that llb.OCILayout names
	Folders map[string]string        // of the client, by the name in llb.Local
	Secrets map[string][]byte        // by id
	Export  *client.ExportEntry      // what becomes of the result; nil: nothing
	From    []Cache                  // where steps' results may come from, besides the builder
	To      []Cache                  // where they go
	Status  chan *client.SolveStatus // closed when the solve has ended
}

// Session evaluates states inside a solve.
type Session struct {
	gw      gateway.Client
	marshal func(context.Context, llb.State) (*llb.Definition, error)
	from    []Cache
}

// Ref is an evaluated state.
type Ref struct{ ref gateway.Reference }

// Product is what a solve exports: a state and, for an image, its config and annotations; or the states whose steps go to Solve.To.
type Product struct {
	Refs        []*Ref
	Ref         *Ref
	Config      []byte
	Annotations map[string]string
}

// Run opens a session and lets fn work in it. Marshal must encode states the way the caller's keys do.
// A nil product exports nothing.
func (b *Builder) Run(ctx context.Context, s Solve, marshal func(context.Context, llb.State) (*llb.Definition, error),
	fn func(context.Context, *Session) (*Product, error),
) error {
	opt := client.SolveOpt{
		OCIStores:           s.Stores,
		AllowedEntitlements: []string{entitlements.EntitlementNetworkHost.String()},
		Session:             []session.Attachable{secretsprovider.FromMap(s.Secrets), credentials()},
		CacheExports:        exports(s.To),
	}
	for name, dir := range s.Folders {
		fs, err := fsutil.NewFS(dir)
		if err != nil {
			return fmt.Errorf("folder %q: %w", name, err)
		}
		if opt.LocalMounts == nil {
			opt.LocalMounts = map[string]fsutil.FS{}
		}
		opt.LocalMounts[name] = fs
	}
	if s.Export != nil {
		opt.Exports = []client.ExportEntry{*s.Export}
	}
	// The callback's own error is kept: through the gateway it would come back as text.
	var own error
	_, err := b.Client.Build(ctx, opt, "strix-build", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		p, err := fn(ctx, &Session{gw: gw, marshal: marshal, from: s.From})
		if err != nil {
			own = err
			return nil, err
		}
		return p.result(), nil
	}, s.Status)
	if own != nil && ctx.Err() == nil {
		return b.Explain(ctx, own)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return b.Explain(ctx, err)
}

func (p *Product) result() *gateway.Result {
	res := gateway.NewResult()
	if p == nil {
		return res
	}
	if p.Ref == nil {
		return several(res, p.Refs)
	}
	res.SetRef(p.Ref.ref)
	if p.Config != nil {
		res.AddMeta(exptypes.ExporterImageConfigKey, p.Config)
	}
	for _, k := range slices.Sorted(maps.Keys(p.Annotations)) {
		res.AddMeta(exptypes.AnnotationManifestKey(nil, k), []byte(p.Annotations[k]))
	}
	return res
}

// several are results that no exporter looks at. BuildKit takes more than one as those of platforms, and wants these named.
func several(res *gateway.Result, refs []*Ref) *gateway.Result {
	var names exptypes.Platforms
	for i, r := range refs {
		id := fmt.Sprint(i)
		res.AddRef(id, r.ref)
		names.Platforms = append(names.Platforms, exptypes.Platform{ID: id, Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}})
	}
	data, _ := json.Marshal(names) // always marshals
	res.AddMeta(exptypes.ExporterPlatformsKey, data)
	return res
}

// Evaluate runs st to its end. The error of a failing op carries the op's digest (BuildKit's errdefs.VertexError) and its source lines.
func (s *Session) Evaluate(ctx context.Context, st llb.State) (*Ref, error) {
	def, err := s.marshal(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	res, err := s.gw.Solve(ctx, gateway.SolveRequest{Evaluate: true, Definition: def.ToPB(), CacheImports: imports(s.from)})
	if err != nil {
		return nil, err
	}
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	if ref == nil {
		return nil, errors.New("state is empty")
	}
	return &Ref{ref}, nil
}

// ReadFile reads one file of the evaluated state, wholly.
func (r *Ref) ReadFile(ctx context.Context, path string) ([]byte, error) {
	// the daemon sends at most 16 MiB a message; compile_commands.json is near 1 MB
	const chunk = 4 << 20
	var out []byte
	for {
		data, err := r.ref.ReadFile(ctx, gateway.ReadRequest{
			Filename: path, Range: &gateway.FileRange{Offset: len(out), Length: chunk},
		})
		if err != nil {
			return nil, err
		}
		out = append(out, data...)
		if len(data) < chunk {
			return out, nil
		}
	}
}
