// Command probe says from inside a container what it sees there.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "look":
		look(os.Args[2], os.Args[3])
	case "stay":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("here")
		time.Sleep(time.Hour)
	case "cat":
		data, err := os.ReadFile(os.Args[2])
		check(err)
		os.Stdout.Write(data)
	case "name":
		fmt.Println(os.Getenv("NAME"))
	case "network":
		to, err := os.Readlink("/proc/self/ns/net")
		check(err)
		fmt.Println(to)
	case "exit":
		status, err := strconv.Atoi(os.Args[2])
		check(err)
		os.Exit(status)
	}
}

func look(file, dir string) {
	data, err := os.ReadFile(file)
	check(err)
	interfaces, err := net.Interfaces()
	check(err)
	check(os.WriteFile(dir+"/written", []byte("from inside"), 0o644))
	readonly := os.WriteFile("/usr/bin/x", nil, 0o644) != nil && os.WriteFile(file, nil, 0o644) != nil
	fmt.Printf("NAME=%s file=%s readonly=%t interfaces=%d\n", os.Getenv("NAME"), data, readonly, len(interfaces))
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
