package runner

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"strix-build/internal/program"
)

// envRole makes the test binary somebody who runs a program and is killed: KIND and what it needs.
const envRole = "STRIX_TEST_RUNNER"

// The first argument makes it a program: one that answers on a socket, or one that takes memory.
const (
	serve = "serve"
	eat   = "eat"
)

// eaten is more than the test binary itself ever has.
const eaten = 128 << 20

func TestMain(m *testing.M) {
	switch role := strings.Fields(os.Getenv(envRole)); {
	case len(os.Args) > 2 && os.Args[1] == InsideCommand:
		os.Exit(Inside(os.Args[2:]))
	case len(os.Args) > 2 && os.Args[1] == serve:
		answer(os.Args[2])
	case len(os.Args) > 1 && os.Args[1] == eat:
		os.Exit(takeMemory())
	case len(role) > 0:
		if err := play(role[0], role[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play runs the program stay until it, or this process, ends. Its output is ours, by the same file.
func play(kind string, args []string) error {
	c := program.Command{Program: "stay", Args: args[:1], Stdout: os.Stdout, Stderr: os.Stderr}
	dir := args[1]
	switch kind {
	case "folder":
		return Folder{Dir: dir}.Run(context.Background(), c)
	case "tree":
		c.Program, c.Args = "probe", []string{"stay", args[0]}
		t := &Tree{Root: dir, Work: args[2], Env: []string{"PATH=/usr/bin"}}
		return t.Run(context.Background(), c)
	case "engine":
		e := &Engine{Program: dir + "/podman", Image: "img"}
		return e.Run(context.Background(), c)
	}
	r, err := dial(context.Background(), args[2], "test", args[3])
	if err != nil {
		return err
	}
	return Folder{On: r, Dir: dir}.Run(context.Background(), c)
}

// answer says on a socket who it is, until it is ended.
func answer(socket string) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.WriteString(conn, "hello")
		conn.Close()
	}
}

// takeMemory has so much of it in use at once, and says so by both ways out.
func takeMemory() int {
	data := make([]byte, eaten)
	for i := 0; i < len(data); i += 4096 {
		data[i] = 1
	}
	fmt.Println("out")
	fmt.Fprintln(os.Stderr, "said")
	return 2 + int(data[4096])
}
