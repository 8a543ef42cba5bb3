package version

import "regexp"

// Said is what a program of llama.cpp says it is.
type Said struct {
	Line   string // "version: 9909 (5eca4e3ca)"
	Build  string // digits; "0" where the program was built from a tree without history and not told
	Commit string // or a word of who built it: "unknown", "Debian"
}

// Upstream changed the form at b10394: "version: 0.7.0 (build 11669, commit 5eca4e3ca)".
var saidForm = regexp.MustCompile(`(?m)^version: (\S+) \((?:build (\d+), commit )?(\w+)\)`)

// SaidIn finds what programs said in their output, in either form.
func SaidIn(log string) []Said {
	var out []Said
	for _, m := range saidForm.FindAllStringSubmatch(log, -1) {
		s := Said{Line: m[0], Build: m[1], Commit: m[3]}
		if m[2] != "" {
			s.Build = m[2]
		}
		out = append(out, s)
	}
	return out
}
