package runner

import (
	"regexp"
	"strings"
)

var (
	plain = regexp.MustCompile(`^[A-Za-z0-9_./:@+,-][A-Za-z0-9_./:=@+,-]*$`)
	// quoter leaves no backslash between quotes, where fish takes it for an escape and the other shells do not.
	quoter = strings.NewReplacer("'", `'\''`, `\`, `'\\'`)
)

// quote makes a command line of words, for sh, bash, zsh and fish alike.
func quote(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if plain.MatchString(w) {
			out[i] = w
		} else {
			out[i] = "'" + quoter.Replace(w) + "'"
		}
	}
	return strings.Join(out, " ")
}
