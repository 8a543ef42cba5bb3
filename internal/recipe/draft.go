package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/version"
)

// What stands for the draft in the arguments.
const (
	draftMark = "${draft}"
	maxMark   = "${max}"
)

// DraftArgs are the arguments that make llama-server and its like draft, in one window of builds.
type DraftArgs struct {
	Window version.Window `yaml:"window" doc:"build numbers they hold for; none: all"`
	Args   []Text         `yaml:"args,required" doc:"arguments; ${draft} stands for the draft's file, ${max} for the tokens drafted at once"`
	Origin Text           `yaml:"origin" doc:"where this fact comes from"`

	Pos diag.Pos `yaml:"-"`
}

// DraftWith returns the arguments that make a program of build b draft up to window tokens with the model in file.
func (f *Flags) DraftWith(b version.Build, file string, window int) ([]string, error) {
	return argsFor(f.Draft, "draft", b, strings.NewReplacer(draftMark, file, maxMark, strconv.Itoa(window)))
}

// SpeculateWith returns the arguments that make a program of build b draft up to window tokens in a way that needs no second model.
func (f *Flags) SpeculateWith(b version.Build, way string, window int) ([]string, error) {
	return argsFor(f.Speculation[way], "speculation: "+way, b, strings.NewReplacer(maxMark, strconv.Itoa(window)))
}

// argsFor takes those of the first window that holds b; key is where they are.
func argsFor(list []DraftArgs, key string, b version.Build, replace *strings.Replacer) ([]string, error) {
	i := slices.IndexFunc(list, func(d DraftArgs) bool { return d.Window.Contains(b) })
	if i < 0 {
		return nil, fmt.Errorf("%s says under %s: nothing for %s", flagsFile, key, b)
	}
	args := values(list[i].Args)
	for j := range args {
		args[j] = replace.Replace(args[j])
	}
	return args, nil
}

// draft looks for arguments that lack a mark, and for windows that never count.
func (c *checker) draft(list []DraftArgs, marks ...string) {
	for i, d := range list {
		all := values(d.Args)
		for _, mark := range marks {
			if c.clean && !slices.Contains(all, mark) {
				c.list.Add(d.Pos, "", "these arguments have no %s", mark)
			}
		}
		for _, earlier := range list[:i] {
			if c.clean && (earlier.Window.IsZero() || earlier.Window.Covers(d.Window)) {
				c.list.Add(d.Pos, "the first window that holds the build number counts",
					"these arguments never count: those at line %d hold for the same builds", earlier.Pos.Line)
				break
			}
		}
	}
}
