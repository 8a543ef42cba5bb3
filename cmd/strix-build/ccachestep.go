package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/ccache"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// ccacheCmd runs inside build steps that have the compiler's cache.
func (a *app) ccacheCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "ccache", Short: "move a compiler cache (run by builds)", Hidden: true, Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var dir, in, out string
	var since, most int64
	add := func(use, short string, run func(*cobra.Command, []string) error) {
		c := &cobra.Command{Use: use, Short: short, RunE: run}
		f := c.Flags()
		f.StringVar(&dir, "dir", "/ccache", "ccache's folder")
		f.StringVar(&in, "in", "/in", "`DIR` with layers, or with "+graph.CompilerIndex)
		f.StringVar(&out, "out", "/out", "`DIR` for what comes of it")
		f.Int64Var(&since, "since", 0, "`NANOSECONDS` since 1970: what was used after that is packed")
		f.Int64Var(&most, "most", 2e9, "`BYTES` of entries to keep")
		cmd.AddCommand(c)
	}
	write := func(name string, value any) error {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return store.WriteFile(filepath.Join(out, name), data)
	}
	add("look LAYER...", "say which layers a folder lacks", func(_ *cobra.Command, layers []string) error {
		s, err := ccache.Look(dir, layers)
		return errors.Join(err, write(graph.CompilerState, s))
	})
	add("take", "take layers in", func(cmd *cobra.Command, _ []string) error {
		n, err := ccache.Take(cmd.Context(), dir, in)
		a.printf("%d objects\n", n)
		return err
	})
	add("pack", "pack what is new", func(cmd *cobra.Command, _ []string) error {
		data, err := os.ReadFile(filepath.Join(in, graph.CompilerIndex))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		old := ccache.Index{}
		if err == nil {
			if old, err = ccache.ReadIndex(data); err != nil {
				return err
			}
		}
		x, changed, err := ccache.Pack(cmd.Context(), dir, old, time.Unix(0, since), most, filepath.Join(out, graph.CompilerLayer))
		if err != nil || !changed {
			return err
		}
		return write(graph.CompilerIndex, x)
	})
	return cmd
}
