package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Another test file of this package may have the flag already.
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "rewrite generated files")
	}
}

const cliReference = "../../docs/cli.md"

// TestCLIReference keeps docs/cli.md what the commands themselves say; -update writes it.
func TestCLIReference(t *testing.T) {
	root := (&app{streams: streams{nil, io.Discard, io.Discard}}).root()
	root.InitDefaultHelpFlag()
	root.InitDefaultCompletionCmd("")
	want := reference(root)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(cliReference, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(cliReference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/cli.md is not current, run make docs (-want +got):\n%s", diff)
	}
}

// reference is the page: the global flags once, then every command that people see, in the order of the help.
func reference(root *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Command line\n\nGenerated from the program by `make docs`; do not edit.\n\n")
	fmt.Fprintf(&b, "Results go to stdout, everything else to stderr. Exit codes: %d done, %d build, network or internal, "+
		"%d bad recipe, patch set, lock or flags, %d the gate refused, %d interrupted.\n",
		exitDone, exitFailed, exitUsage, exitRefused, exitInterrupted)
	fmt.Fprintf(&b, "\n## Flags of every command\n")
	writeFlags(&b, root.PersistentFlags())
	writeCommands(&b, root)
	return b.Bytes()
}

func writeCommands(b *bytes.Buffer, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		writeCommand(b, c)
		if c.Name() != "completion" { // its four shells say the same
			writeCommands(b, c)
		}
	}
}

func writeCommand(b *bytes.Buffer, c *cobra.Command) {
	c.InitDefaultHelpFlag()
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" || c.Name() == "completion" {
		text = c.Short
	}
	fmt.Fprintf(b, "%s\n", sentence(text))
	switch {
	case c.Name() == "completion":
		fmt.Fprintf(b, "\n    %s %s\n", c.CommandPath(), strings.Join(names(c.Commands()), "|"))
	case c.Runnable():
		fmt.Fprintf(b, "\n    %s\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n%s\n", indent(c.Example))
	}
	writeFlags(b, c.LocalNonPersistentFlags())
}

func names(commands []*cobra.Command) []string {
	var out []string
	for _, c := range commands {
		out = append(out, c.Name())
	}
	return out
}

// writeFlags writes a table of flags, where there are any; a bar in a usage text would end the cell.
func writeFlags(b *bytes.Buffer, flags *pflag.FlagSet) {
	bar := strings.NewReplacer("|", "\\|")
	head := "\n| flag | meaning |\n|---|---|\n"
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + kind)
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" {
			usage += fmt.Sprintf(" (default %s)", d)
		}
		fmt.Fprintf(b, "%s| `%s` | %s |\n", head, bar.Replace(name), bar.Replace(usage))
		head = ""
	})
}

// sentence makes a help text the page's: help texts begin small and have no full stop.
func sentence(s string) string {
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// indent makes an example a code block; cobra's examples are indented by two already.
func indent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = "    " + strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}
