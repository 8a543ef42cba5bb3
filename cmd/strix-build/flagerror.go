package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"strix-build/internal/diag"
)

// wantedOf says what the value of a flag of pflag's type looks like, where the library speaks of Go's parser.
var wantedOf = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint": "a whole number from 0 on", "float64": "a number",
	"bool": "true or false", "duration": "a time, as 30s, 5m or 1h",
}

// flagError says what would have been right.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if near := diag.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return usage("%v; did you mean --%s?", err, near)
		}
		return usage("%v; what there is: %s --help", err, cmd.CommandPath())
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		return usage("--%s %q: %s", f.Name, invalid.GetValue(), wrongWith(f, invalid.Unwrap()))
	}
	return usage("%v", err)
}

// wrongWith says what is wrong with a flag's value: in the words of the flag's own type, or in ours for Go's parsers.
func wrongWith(f *pflag.Flag, err error) string {
	wanted := wantedOf[f.Value.Type()]
	if f.Value.Type() == "stringToString" {
		wanted, _ = pflag.UnquoteUsage(f)
	}
	var number *strconv.NumError
	if wanted == "" || f.Value.Type() != "stringToString" && !errors.As(err, &number) && !strings.HasPrefix(err.Error(), "time: ") {
		return err.Error()
	}
	return "want " + wanted
}

// withoutEmpty takes the words "(default [])" away, which pflag leaves out for lists and not for maps.
func withoutEmpty(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "stringToString" {
			f.DefValue = ""
		}
	})
	for _, c := range cmd.Commands() {
		withoutEmpty(c)
	}
}
