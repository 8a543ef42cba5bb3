// Command strix-build turns recipes into container images of patched llama.cpp for AMD Strix Halo.
//
// This package holds flags, wiring, exit codes and printing; the work is done in internal/.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"strix-build/internal/runner"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == runner.InsideCommand { // its signals are the program's
		os.Exit(runner.Inside(os.Args[2:]))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	go interrupts(cancel)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	cancel(nil)
	os.Exit(code)
}

var errInterrupted = errors.New("interrupted")

// interrupts cancels at the first Ctrl-C and dies at the second.
func interrupts(cancel context.CancelCauseFunc) {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	<-ch
	fmt.Fprintln(os.Stderr, "strix-build: stopping; press Ctrl-C again to stop at once")
	cancel(errInterrupted)
	<-ch
	os.Exit(exitInterrupted)
}
