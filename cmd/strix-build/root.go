package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"strix-build/internal/buildkit"
	"strix-build/internal/printable"
	"strix-build/internal/project"
	"strix-build/internal/runner"
	"strix-build/internal/sign"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what every command gets: the streams, the global flags and what follows from them.
type app struct {
	streams
	log *slog.Logger

	fsys    fs.FS                     // of the project once it is open: snippets in errors come from it
	remotes map[string]*runner.Remote // hosts that programs run on
	signers map[signerFlags]sign.Signer

	projectDir string
	stateDir   string
	builders   []string
	progress   string
	verbose    bool
	logFormat  string
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	a.hangUp()
	if errors.Is(err, errServed) {
		return exitDone
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return reportError(s.err, err, a.fsys)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "strix-build",
		Short:         "container images of patched llama.cpp for AMD Strix Halo",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.setup()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SuggestionsMinimumDistance = 2
	f := root.PersistentFlags()
	f.StringVar(&a.projectDir, "project", "", "`DIR` with recipes/, patches/ and containers/ (default: the one around the working directory, else the data in the program)")
	f.StringVar(&a.stateDir, "state", "", "`DIR` for images, cache and builder (default $STRIX_BUILD_STATE, else ~/.local/share/strix-build)")
	f.StringArrayVar(&a.builders, "builder", nil, "BuildKit `ADDRESS`; given several times, recipes are spread over them (default: $STRIX_BUILDERS, $BUILDKIT_HOST, else one is found or started)")
	f.StringVar(&a.progress, "progress", "", "progress `MODE`: auto, tty, plain, quiet, rawjson (default $BUILDKIT_PROGRESS, else auto)")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say more on stderr")
	f.StringVar(&a.logFormat, "log-format", "text", "text or json")
	root.AddCommand(a.recipeCmd(), a.weeklyCmd(), a.lintCmd(), a.lockCmd(), a.patchCmd(), a.planCmd(), a.graphCmd(), a.explainCmd(), a.imagesCmd(),
		a.proveCmd(), a.gateCmd(), a.benchCmd(), a.reportCmd(), a.abCmd(), a.bisectCmd(), a.publishCmd(), a.verifyCmd(), a.promoteCmd(), a.tagsCmd(), a.aliasCmd(), a.rollbackCmd(), a.pruneCmd(), a.copyCmd(), a.registryCmd(), a.runCmd(), a.toolboxCmd(),
		a.kernelsCmd(), a.attestCmd(), a.keyCmd(), a.builderCmd(), a.versionCmd(), a.cutCmd(), a.ccacheCmd(), a.miniatureCmd(), a.smokeModelCmd())
	argsAreUsage(root)
	withoutEmpty(root)
	return root
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", s[0])
	}
	return fmt.Errorf("unknown command %q%s", args[0], hint)
}

// argsAreUsage makes a wrong number of arguments a mistake of the caller (exit code 2) everywhere.
func argsAreUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				_, sub, ok := strings.Cut(c.CommandPath(), " ")
				if !ok {
					return usage("%v", err)
				}
				return usage("%s: %v", sub, err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		argsAreUsage(sub)
	}
}

func (a *app) setup() error {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	opt := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.err, opt))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.err, opt))
	default:
		return usage("--log-format %q: want text or json", a.logFormat)
	}
	buildkit.QuietLogrus(a.log)
	return nil
}

func (a *app) project() (project.Project, error) {
	p, err := project.Open(a.projectDir)
	if err != nil {
		return p, usage("%v", err)
	}
	a.fsys = p.FS
	return p, nil
}

func (a *app) getenv(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// printf writes to stderr, where everything goes that is not a result. Others wrote part of it: what would do something to a terminal is shown as escapes.
func (a *app) printf(format string, args ...any) {
	fmt.Fprint(a.err, printable.Text(fmt.Sprintf(format, args...)))
}
