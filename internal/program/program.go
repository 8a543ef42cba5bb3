// Package program describes one run of a program, for those who want it run and those who run it (internal/runner).
//
// It runs nothing.
package program

import (
	"context"
	"io"
	"time"
)

// Runner runs a program to its end. When ctx is cancelled it ends the program and all that the program started, and returns
// after they are gone.
type Runner interface {
	Run(ctx context.Context, c Command) error
}

// Command is one run of a program. The program sees Dir, which it may write, and the files of Files under the names they
// have here.
type Command struct {
	Program        string
	Args           []string
	Dir            string
	Files          []string
	Stdout, Stderr io.Writer
	// Used is told what the run took, where the runner can know; nil: no one asks.
	Used *Usage
}

// Usage is what a run took of the machine, with all that the program waited for.
type Usage struct {
	CPU    time.Duration // of all its processors
	Memory int64         // bytes, the most that one of its processes had
}
