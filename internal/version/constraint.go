package version

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Constraint is a range of versions of ROCm, Mesa and the like, which count in up to three numbers: ">=7.2 <7.3". Terms
// beside each other must all hold, "||" separates alternatives. A number that is left out stands for all: "=7.2" holds
// 7.2.4, ">7.2" begins at 7.3. The zero Constraint holds every version.
type Constraint struct {
	text string
	all  *semver.Constraints // nil: no constraint was given
}

const constraintTerm = `(>=|<=|>|<|=|!=|~|\^)[0-9]{1,9}(\.[0-9]{1,9}){0,2}`

var constraintForm = regexp.MustCompile(Constraint{}.Pattern())

// ParseConstraint reads terms of one of >=, >, <=, <, =, !=, ~, ^ and a version.
func ParseConstraint(s string) (Constraint, error) {
	if !constraintForm.MatchString(s) {
		return Constraint{}, fmt.Errorf("%q is not a constraint; write e.g. \">=7.2 <7.3\"", s)
	}
	all, err := semver.NewConstraint(s)
	if err != nil {
		return Constraint{}, fmt.Errorf("%q is not a constraint: %w", s, err)
	}
	return Constraint{text: strings.Join(strings.Fields(s), " "), all: all}, nil
}

// Allows reports whether a version lies in the range. It takes distributions' forms: of "1:25.2.6-1~exp1" the numbers
// 25.2.6 count, of "7.2.4.70204-93" the first three, and "25.2" is 25.2.0. A text that does not begin with numbers is
// an error.
func (c Constraint) Allows(text string) (bool, error) {
	n, err := numbers(text)
	if err != nil {
		return false, err
	}
	return c.all == nil || c.all.Check(semver.New(n[0], n[1], n[2], "", "")), nil
}

// numbersForm is an epoch, which a distribution puts before a version whose numbers fell, and upstream's numbers. What
// comes behind them, a candidate or the distribution's own revision, says nothing about them.
var numbersForm = regexp.MustCompile(`^(?:[0-9]+:)?v?([0-9]+(?:\.[0-9]+)*)`)

func numbers(text string) (n [3]uint64, err error) {
	m := numbersForm.FindStringSubmatch(text)
	if m == nil {
		return n, fmt.Errorf("%q does not begin with a version such as 7.2.4", text)
	}
	parts := strings.Split(m[1], ".")
	for i := range min(len(parts), len(n)) {
		if n[i], err = strconv.ParseUint(parts[i], 10, 32); err != nil {
			return n, fmt.Errorf("%q is not a version: %q is too large", text, parts[i])
		}
	}
	return n, nil
}

// String returns the constraint with single spaces; "" for the zero Constraint.
func (c Constraint) String() string { return c.text }

// IsZero reports whether no constraint was given.
func (c Constraint) IsZero() bool { return c.all == nil }

// Equal reports whether both are written the same way.
func (c Constraint) Equal(o Constraint) bool { return c.text == o.text }

// UnmarshalText reads what ParseConstraint reads.
func (c *Constraint) UnmarshalText(text []byte) error {
	parsed, err := ParseConstraint(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}

// MarshalText writes String.
func (c Constraint) MarshalText() ([]byte, error) { return []byte(c.text), nil }

// Pattern is the regular expression of the written form, for JSON schemas.
func (Constraint) Pattern() string {
	const terms = constraintTerm + `( +` + constraintTerm + `)*`
	return `^ *` + terms + `( *\|\| *` + terms + `)* *$`
}
