package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the program's version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, versionText())
			return err
		},
	}
}

// versionText names the program, its commit where it is known, and the BuildKit in it.
func versionText() string {
	version, revision, buildkitVersion := "devel", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
		for _, d := range info.Deps {
			if d.Path == "github.com/moby/buildkit" {
				buildkitVersion = d.Version
			}
		}
	}
	return fmt.Sprintf("strix-build %s%s, BuildKit %s", version, revision, buildkitVersion)
}
