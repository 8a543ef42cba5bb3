// Command idle is all of a container's programs in a test: by the name of sleep it waits until it is killed, by another it does nothing.
package main

import (
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	if filepath.Base(os.Args[0]) == "sleep" {
		c := make(chan os.Signal, 1)
		signal.Notify(c)
		for range c { // ended by what cannot be heard
		}
	}
}
