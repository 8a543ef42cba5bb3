package main

import (
	"errors"
	"slices"

	"strix-build/internal/diag"
)

// findings are the problems of many files, each once: a broken container is a problem of every recipe that names it.
type findings struct {
	problems diag.Error
	others   []error
}

func (f *findings) add(err error) {
	var e *diag.Error
	switch {
	case err == nil:
	case !errors.As(err, &e):
		f.others = append(f.others, err)
	default:
		for _, p := range e.Problems {
			if !slices.Contains(f.problems.Problems, p) {
				f.problems.Problems = append(f.problems.Problems, p)
			}
		}
		for name, text := range e.Sources {
			f.problems.AddSource(name, text)
		}
	}
}

func (f *findings) err() error {
	if len(f.problems.Problems) == 0 {
		return errors.Join(f.others...)
	}
	f.problems.Problems = f.problems.Problems.Sorted()
	return errors.Join(append([]error{&f.problems}, f.others...)...)
}
