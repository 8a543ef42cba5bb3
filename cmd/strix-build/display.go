package main

import (
	"io"
	"os"

	"strix-build/internal/progress"
)

// newDisplay starts the progress display on stderr; done waits until all of it is printed.
func (a *app) newDisplay(show bool, phase string) (*progress.Display, func(), error) {
	mode, err := progress.Mode(a.progress, os.Getenv)
	if err != nil {
		return nil, nil, usage("%v", err)
	}
	w := a.err
	if !show {
		w, mode = io.Discard, "quiet"
	}
	d, err := progress.New(w, mode, phase)
	if err != nil {
		return nil, nil, usage("%v", err)
	}
	return d, d.Close, nil
}
