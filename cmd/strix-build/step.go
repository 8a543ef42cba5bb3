package main

import (
	"errors"
	"io"
)

// errBelow is what the display shows of a failure that is told in full after it.
var errBelow = errors.New("see below")

// step shows work on stderr as one step of the display. Its error is returned and not shown, so that the reader is
// told once.
func (a *app) step(name string, fn func(log io.Writer) error) error {
	d, done, err := a.newDisplay(true, "Working")
	if err != nil {
		return err
	}
	defer done()
	var failed error
	_ = d.Step(name, func(log io.Writer) error {
		if failed = fn(log); failed != nil {
			return errBelow
		}
		return nil
	})
	return failed
}
