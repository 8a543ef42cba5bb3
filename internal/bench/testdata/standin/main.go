// Command standin is llama-bench's stand-in as a program of its own, for images.
package main

import "strix-build/internal/bench/benchtest"

func main() { benchtest.Main() }
