// Package version holds llama.cpp's build numbers and windows of them, its releases, the references people type, and
// constraints on the versions of what a container brings.
//
// It does not use the network: what commit a build number, a release or a reference belongs to is upstream's business.
package version

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDigits keeps every sum of build numbers inside an int.
const maxDigits = 9

// Build is N of llama.cpp's tag bN: the number of commits up to it. 0 means none.
type Build int

// ParseBuild reads "b9909" or "9909".
func ParseBuild(s string) (Build, error) {
	digits := strings.TrimPrefix(s, "b")
	if strings.HasPrefix(s, "v") && strings.Contains(s, ".") {
		return 0, fmt.Errorf("%q is a release name, not a build number; write the bN tag of the same commit", s)
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a build number; write it as b9909", s)
	}
	if digits[0] == '0' || len(digits) > maxDigits {
		return 0, fmt.Errorf("%q is not a build number: b1 to b%s", s, strings.Repeat("9", maxDigits))
	}
	n, err := strconv.Atoi(digits)
	return Build(n), err
}

// String returns the tag, e.g. "b9909"; "" for 0.
func (b Build) String() string {
	if b == 0 {
		return ""
	}
	return "b" + strconv.Itoa(int(b))
}

// UnmarshalText reads what ParseBuild reads.
func (b *Build) UnmarshalText(text []byte) error {
	parsed, err := ParseBuild(string(text))
	if err == nil {
		*b = parsed
	}
	return err
}

// MarshalText writes String.
func (b Build) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// Pattern is the regular expression of the written form, for JSON schemas.
func (Build) Pattern() string { return `^b?[1-9][0-9]{0,8}$` }
