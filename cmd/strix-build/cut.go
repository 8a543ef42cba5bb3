package main

import (
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"strix-build/internal/codeobject"
	"strix-build/internal/store"
)

// cutCmd runs inside a build step: it cuts the ROCm libraries of a root file system down to some GPUs.
func (a *app) cutCmd() *cobra.Command {
	var (
		root, reportFile string
		keep             []string
	)
	cmd := &cobra.Command{
		Use:    "cut --root DIR --keep GPU GLOB...",
		Short:  "cut GPU libraries down to some targets (run by builds)",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, globs []string) error {
			debug.SetGCPercent(25) // 408 MB at its peak otherwise, 288 MB so, at the same speed
			rep, err := codeobject.CutTree(cmd.Context(), root, globs, keep, func(line string) { a.printf("%s\n", line) })
			if err != nil {
				return err
			}
			data, err := rep.Encode()
			if err != nil {
				return err
			}
			if reportFile == "" {
				_, err = a.out.Write(data)
				return err
			}
			if err := os.MkdirAll(filepath.Dir(reportFile), 0o755); err != nil {
				return err
			}
			return store.WriteFile(reportFile, data)
		},
	}
	cmd.Flags().StringVar(&root, "root", "/", "root file system")
	cmd.Flags().StringVar(&reportFile, "report", "", "`FILE` for the proof (default stdout)")
	cmd.Flags().StringArrayVar(&keep, "keep", nil, "GPU `TARGET` to keep, e.g. gfx1151")
	return cmd
}
