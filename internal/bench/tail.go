package bench

import "strings"

// tail keeps the end of what a program says.
type tail struct{ text []byte }

// tailSize is what a person can use of it.
const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = t.text[n:]
	}
	return len(p), nil
}

// String is the last line that says something, after a colon: "" where there is none.
func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return ": " + last
	}
	return ""
}
