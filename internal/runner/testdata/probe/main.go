// Command probe says from inside a container what it sees there.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if os.Args[1] == "stay" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("here")
		time.Sleep(time.Hour)
	}
	data, err := os.ReadFile(os.Args[2])
	check(err)
	interfaces, err := net.Interfaces()
	check(err)
	check(os.WriteFile(os.Args[3]+"/written", []byte("from inside"), 0o644))
	readonly := os.WriteFile("/usr/bin/x", nil, 0o644) != nil && os.WriteFile(os.Args[2], nil, 0o644) != nil
	fmt.Printf("NAME=%s file=%s readonly=%t interfaces=%d\n", os.Getenv("NAME"), data, readonly, len(interfaces))
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
