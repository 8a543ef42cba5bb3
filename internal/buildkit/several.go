package buildkit

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Several returns the options of each builder that the user named: by flag, else in $STRIX_BUILDERS. Without any it is o alone,
// which looks for one.
func (o Options) Several(flags []string) ([]Options, error) {
	env := o.Env
	if env == nil {
		env = os.Getenv
	}
	asked, from := slices.DeleteFunc(slices.Clone(flags), func(a string) bool { return a == "" }), "--builder"
	if len(asked) == 0 {
		asked, from = strings.Fields(env(EnvBuilders)), "$"+EnvBuilders
	}
	if len(asked) == 0 {
		return []Options{o}, nil
	}
	var all []Options
	named := map[string]bool{}
	for _, a := range asked {
		if err := checkAddress(from, a); err != nil {
			return nil, err
		}
		if named[shown(a)] {
			return nil, fmt.Errorf("%s %q is named twice", from, shown(a))
		}
		named[shown(a)] = true
		one := o
		one.Address, one.OneOfMany = a, len(asked) > 1
		all = append(all, one)
	}
	return all, nil
}

// Name is what people call the builder of these options: its address or way; "" for one that is looked for.
func (o Options) Name() string { return shown(o.Address) }
