package build

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/version"
)

// checkConfigure proves that every requested variable and flag took effect: the command line alone proves nothing
// (upstream drops options silently, and environment variables have been ignored by whole toolchains).
func checkConfigure(in graph.Input, log string, commands []byte) error {
	var l diag.List
	vars := graph.Variables(in)
	for _, name := range unusedVariables(log) {
		c := vars[name]
		pos := c.Pos
		if pos.File == "" {
			pos = in.Recipe.Pos
		}
		l.Add(pos, "remove it, or see docs/flags.md for the build numbers it works for",
			"cmake variable %s=%s is not used by llama.cpp %s", name, c.Value, in.Source.Build)
	}
	lines, err := compileLines(commands)
	if err != nil {
		return err
	}
	for _, f := range wantedFlags(in, vars) {
		if !slices.ContainsFunc(lines, func(line string) bool { return hasWord(line, f.Value) }) {
			l.Add(f.Pos, "", "compiler flag %q is in no command of compile_commands.json", f.Value)
		}
	}
	return l.Err()
}

const unusedMark = "Manually-specified variables were not used by the project:"

// unusedVariables reads CMake's closing warning: names, one a line, indented, up to the next unindented text.
func unusedVariables(log string) []string {
	_, after, ok := strings.Cut(log, unusedMark)
	if !ok {
		return nil
	}
	var out []string
	for _, line := range strings.Split(after, "\n") {
		switch name := strings.TrimSpace(line); {
		case name == "":
		case line[0] != ' ':
			return out
		default:
			out = append(out, name)
		}
	}
	return out
}

var flagsVariable = regexp.MustCompile(`^CMAKE_(C|CXX|HIP)_FLAGS$`)

// wantedFlags are those of the backend and features, and each word of a CMAKE_*_FLAGS variable.
func wantedFlags(in graph.Input, vars map[string]recipe.Choice) []recipe.Choice {
	out := slices.Clone(in.Choices.Flags)
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if flagsVariable.MatchString(k) {
			for _, word := range strings.Fields(vars[k].Value) {
				out = append(out, recipe.Choice{Value: word, Pos: vars[k].Pos})
			}
		}
	}
	return out
}

func compileLines(data []byte) ([]string, error) {
	var entries []struct {
		Command string `json:"command"`
	}
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("compile_commands.json: %w", err)
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Command
	}
	return out, nil
}

func hasWord(line, word string) bool { return slices.Contains(strings.Fields(line), word) }

// checkVersion finds the build number and commit in what the programs said. All that say one must say the same.
func checkVersion(log string, build int, commit string) error {
	said := slices.DeleteFunc(version.SaidIn(log), func(s version.Said) bool { return s.Commit == "unknown" })
	for _, s := range said {
		if s.Build != fmt.Sprint(build) || !strings.HasPrefix(commit, s.Commit) {
			return fmt.Errorf("the image's programs say %q, the base is build %d commit %.9s", s.Line, build, commit)
		}
	}
	if len(said) == 0 {
		return fmt.Errorf("no program of the image says its version:\n%s", log)
	}
	return nil
}
