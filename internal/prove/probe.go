package prove

import (
	"context"
	"fmt"

	"strix-build/internal/version"
)

// Probe asks llama-server which build it is. 0 without an error: it was built without being told.
func Probe(ctx context.Context, r Runner) (version.Build, error) {
	log := newLog(nil)
	var out tailWriter
	err := r.Run(ctx, Command{Program: Server, Args: []string{"--version"}, Stdout: &out, Stderr: &out})
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		_, _ = log.Write(out)
		return 0, fmt.Errorf("%s --version: %w: %s", Server, err, log.end())
	}
	said := version.SaidIn(string(out))
	if len(said) == 0 {
		return 0, fmt.Errorf("%s --version does not say a version", Server)
	}
	if said[0].Build == "0" {
		return 0, nil
	}
	return version.ParseBuild(said[0].Build)
}

// tailWriter keeps what a short run writes; stdout and stderr of one process come one at a time.
type tailWriter []byte

func (w *tailWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
