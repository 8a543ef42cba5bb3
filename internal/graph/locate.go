package graph

import (
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"strix-build/internal/diag"
)

// locator hands YAML positions to BuildKit, so that a failing op comes back with the line that asked for it.
// Positions do not change an op's digest.
type locator struct {
	files map[string]*llb.SourceMap
}

func newLocator(files map[string][]byte) *locator {
	l := &locator{files: map[string]*llb.SourceMap{}}
	for name, data := range files {
		l.files[name] = llb.NewSourceMap(nil, name, "YAML", data)
	}
	return l
}

func (l *locator) at(p diag.Pos) llb.ConstraintsOpt {
	m := l.files[p.File]
	if m == nil || p.Line == 0 {
		return nothing{}
	}
	at := &pb.Position{Line: int32(p.Line), Character: int32(p.Col)} //nolint:gosec // a file of at most 1 MiB
	return m.Location([]*pb.Range{{Start: at, End: at}})
}

// nothing is an option without effect, for what came from no file.
type nothing struct{}

func (nothing) SetConstraintsOption(*llb.Constraints) {}
func (nothing) SetRunOption(*llb.ExecInfo)            {}
func (nothing) SetLocalOption(*llb.LocalInfo)         {}
func (nothing) SetHTTPOption(*llb.HTTPInfo)           {}
func (nothing) SetImageOption(*llb.ImageInfo)         {}
func (nothing) SetGitOption(*llb.GitInfo)             {}
func (nothing) SetOCILayoutOption(*llb.OCILayoutInfo) {}
func (nothing) SetImageBlobOption(*llb.ImageBlobInfo) {}
