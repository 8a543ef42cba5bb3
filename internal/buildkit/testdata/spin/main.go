// Command spin is the only file of a test's root filesystem: it says that it runs,
// starts a child, and neither ends by itself.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

func main() {
	if len(os.Args) == 1 {
		if err := exec.Command("/spin", "child").Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("running")
	}
	for {
		time.Sleep(time.Hour)
	}
}
