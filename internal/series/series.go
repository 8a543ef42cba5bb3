// Package series turns a base and its patches into a git repository with one commit a patch, and the commits back into
// patch files: the place where people refresh a series. It vendors pull requests in the same form.
//
// It does not choose bases or variants, and it changes nothing but the folder it is told to write.
package series

import (
	"fmt"
	"path"
	"strings"

	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// Base is what the patches go on.
type Base struct {
	upstream.Commit
	Recipe string // whose patches they are, for the message
}

// String names the base for messages.
func (b Base) String() string {
	s := "llama.cpp " + b.Build.String()
	if b.Dirty {
		s += " with uncommitted changes"
	}
	return s
}

// Patch is a patch on its way to a commit.
type Patch struct {
	patch.File
	Set  string // the patch set
	Path string // below the set's folder: b10175/0001-rows-and-warps.patch; pull-21344.patch for a pinned pull request
	Text []byte // the patch file as it lies in the project, with its header; nil for a pull request
	Pull *Pull  // nil for a file
}

// Pull says which pull request a patch is the diff of.
type Pull struct {
	Title      string // the set's
	Status     string // what the set says of it, one of Yocto's words
	Number     int
	Base, Head string // full commit ids
	Outside    bool   // its window leaves the base out
}

// name is what people call the patch: set/series/file.
func (p Patch) name() string { return path.Join(p.Set, p.Path) }

// Result is what a repository holds after patches were applied.
type Result struct {
	Base, Head string // commit ids in the repository
	Steps      []Step
	Conflict   *Conflict // nil where all patches are commits
}

// Step is one patch that was dealt with.
type Step struct {
	Name   string // set/series/file
	State  patch.State
	Offset int    // lines
	Commit string // "" where the tree has the change already
}

// Conflict is a patch that does not apply. What fits of it is in the working tree.
type Conflict struct {
	Name    string // of the patch
	On      string // the base, for messages
	Hunks   []patch.Hunk
	Fitting int      // hunks that are in the working tree
	Total   int      // of the patch
	Rejects []string // paths of the files with the other hunks
	Left    []string // patches that wait
	Export  string   // what the export needs to be told, with a space before it: a pull request has no files to go back to
}

// Error is the first line of a message, and one for each hunk.
func (c *Conflict) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "patch %s does not apply to %s", c.Name, c.On)
	for _, h := range c.Hunks {
		fmt.Fprintf(&b, "\n  %s", h)
	}
	return b.String()
}

// Next tells what to do in the repository at dir, as commands.
func (c *Conflict) Next(dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s holds what applied, and of this patch %d of %s", dir, c.Fitting, count(c.Total, "hunk"))
	if len(c.Rejects) > 0 {
		fmt.Fprintf(&b, "; the rest is in %s", strings.Join(c.Rejects, ", "))
	}
	fmt.Fprintf(&b, ". Make that change by hand, then\n  %s commit -a -F %s\n  strix-build patch export %s%s\n", upstream.GitIn(dir), messageFile, dir, c.Export)
	if n := len(c.Left); n > 0 {
		fmt.Fprintf(&b, "The export first applies the %s that %s: %s.\n", count(n, "patch"), waits(n), some(c.Left))
	}
	fmt.Fprintf(&b, "To leave the patch out:\n  %[1]s reset -q --hard && %[1]s commit --allow-empty -F %[2]s", upstream.GitIn(dir), messageFile)
	return b.String()
}

// some of a list that may be long.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case what == "patch":
		return fmt.Sprintf("%d patches", n)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func waits(n int) string {
	if n == 1 {
		return "waits"
	}
	return "wait"
}

// Notes tell of the patches that are not just what their files say.
func (r *Result) Notes(build string) []string {
	var out []string
	for _, s := range r.Steps {
		switch {
		case s.State == patch.Upstream:
			out = append(out, fmt.Sprintf("patch %s is already in llama.cpp %s, so it has no commit", s.Name, build))
		case s.State == patch.Offset:
			out = append(out, fmt.Sprintf("patch %s applies %s off", s.Name, count(s.Offset, "line")))
		}
	}
	return out
}
