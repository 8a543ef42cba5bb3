package prove

import (
	"bytes"
	"context"
	"fmt"

	"strix-build/internal/llamalog"
	"strix-build/internal/program"
	"strix-build/internal/version"
)

// Probe asks llama-server which build it is. 0 without an error: it was built without being told.
func Probe(ctx context.Context, r program.Runner) (version.Build, error) {
	log := llamalog.New(nil)
	var out bytes.Buffer
	err := r.Run(ctx, program.Command{Program: Server, Args: []string{"--version"}, Stdout: &out, Stderr: &out})
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		_, _ = log.Write(out.Bytes())
		return 0, fmt.Errorf("%s --version: %w: %s", Server, err, log.End())
	}
	said := version.SaidIn(out.String())
	if len(said) == 0 {
		return 0, fmt.Errorf("%s --version does not say a version", Server)
	}
	if said[0].Build == "0" {
		return 0, nil
	}
	return version.ParseBuild(said[0].Build)
}
