package upstream

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
)

// Exclude is a compiled list of paths to leave out of an export.
//
// A pattern is relative to the root of the tree, as git pathspecs with the glob magic are: "*" and "?" stop at a
// slash, "**" does not, and a pattern that names a folder takes everything in it. So models/*.gguf, docs and **/x
// mean what they seem to. A leading "/" or "./" and a trailing "/" change nothing.
type Exclude struct {
	patterns []string
	matcher  *patternmatcher.PatternMatcher
}

// NewExclude compiles patterns. What would reach outside the tree, take everything or mean something else in git
// is refused.
func NewExclude(patterns []string) (*Exclude, error) {
	var clean []string
	for _, p := range patterns {
		if strings.HasPrefix(p, "!") || strings.HasPrefix(p, ":") {
			return nil, fmt.Errorf("exclude %q: pathspec magic and negation are not supported; "+
				"name what is left out, e.g. models/*.gguf", p)
		}
		c := strings.TrimPrefix(path.Clean(p), "/")
		if p == "" || c == "" || c == "." || c == "**" || c == ".." || strings.HasPrefix(c, "../") {
			return nil, fmt.Errorf("exclude %q does not name a part of the source tree", p)
		}
		clean = append(clean, c)
	}
	m, err := patternmatcher.New(clean)
	if err != nil {
		return nil, fmt.Errorf("exclude patterns %q: %w", patterns, err)
	}
	return &Exclude{patterns: clean, matcher: m}, nil
}

// Match reports whether a path, or a folder above it, is left out.
func (e *Exclude) Match(name string) (bool, error) {
	ok, err := e.matcher.MatchesOrParentMatches(name)
	if err != nil {
		return false, fmt.Errorf("exclude patterns %q: %w", e.patterns, err)
	}
	return ok, nil
}
