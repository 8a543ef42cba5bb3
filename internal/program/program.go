// Package program describes one run of a program, for those who want it run and those who run it (internal/runner).
//
// It runs nothing.
package program

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"
)

// Runner runs a program to its end. When ctx is cancelled it ends the program and all that the program started, and returns
// ctx's cause after they are gone. A program that ended by itself and says that it did not succeed is an [*ExitError].
type Runner interface {
	Run(ctx context.Context, c Command) error
}

// Command is one run of a program. The program sees Dir, which it may write, and reads the files of Files, under the names
// they have here; where it runs on another host, an argument that is one of these names, or lies below Dir, is put in that
// host's words.
type Command struct {
	Program        string
	Args           []string
	Dir            string
	Files          []string
	Stdout, Stderr io.Writer
	// Limit is how many bytes the program may print, on both; at more it is ended, with a [*LimitError]. 0: any number.
	Limit int64
	// HostNetwork gives the program of an image its host's network; else it has none. That of a folder always has it.
	HostNetwork bool
	// Unset are variables that the program's surroundings set, an image's ENV above all, and that it does not get.
	Unset []string
	// Env are variables that it gets besides, as NAME=VALUE.
	Env []string
	// Used is told what the run took, where the runner can know; nil: no one asks.
	Used *Usage
}

// Usage is what a run took of the machine, with all that the program waited for. 0: not known.
type Usage struct {
	CPU time.Duration `json:"cpu"` // of all its processors
	// Memory is the most that one of its processes had in memory, in bytes. That of a program which had less than the one that
	// started it is not known.
	Memory int64 `json:"memory"`
}

// ExitError is a program that did not succeed.
type ExitError struct {
	Status int // as a shell has it: 128 and the signal for one that a signal ended
}

func (e *ExitError) Error() string {
	if signal := e.Status - 128; signal > 0 && signal < 65 {
		return fmt.Sprintf("exit status %d (%s)", e.Status, syscall.Signal(signal))
	}
	return fmt.Sprintf("exit status %d", e.Status)
}

// LimitError is a program that printed more than it may.
type LimitError struct {
	Limit int64 // bytes
}

func (e *LimitError) Error() string {
	if e.Limit >= 1<<20 {
		return fmt.Sprintf("it printed more than %d MiB", e.Limit>>20)
	}
	return fmt.Sprintf("it printed more than %d bytes", e.Limit)
}
