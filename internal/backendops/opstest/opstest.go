// Package opstest stands in for test-backend-ops in tests: a program that prints in the real one's form, and is wrong in one way if
// it is told so.
//
// It compares nothing.
package opstest

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// EnvMode says what goes wrong.
const EnvMode = "STRIX_FAKE_OPS"

// Modes of a fake; another is all right.
const (
	Wrong       = "wrong"       // a case of MUL_MAT_ID is too far off
	NoMemory    = "no-memory"   // a case cannot be tried: it has no line of its own
	Crash       = "crash"       // MUL_MAT_ID ends in an assertion
	Short       = "short"       // the output of MUL_MAT_ID is cut short
	CPU         = "cpu"         // there is no GPU
	Unsupported = "unsupported" // the GPU has no kernel for MUL_MAT_ID
	Old         = "old"         // the program has no cases of MUL_MAT_ID
)

// Aborted is the exit status of a program that a failed assertion ends.
const Aborted = 134

// Main is the program.
func Main() { os.Exit(Run(os.Args[1:], os.Getenv(EnvMode), os.Stdout, os.Stderr)) }

// device is what the program compares with the CPU.
const device = "Fake0"

// Run prints what "test-backend-ops test -o OP [-b DEVICE]" does, and returns the exit status.
func Run(args []string, mode string, out, errs io.Writer) int {
	op, backend := "", ""
	for i := 1; i+1 < len(args); i++ {
		switch args[i] {
		case "-o":
			op = args[i+1]
		case "-b":
			backend = args[i+1]
		}
	}
	f := fake{op: op, out: out, errs: errs}
	if op == "MUL_MAT_ID" || mode == CPU {
		f.mode = mode
	}
	fmt.Fprint(out, "Testing 2 devices\n\n")
	ok := true
	fmt.Fprintf(out, "Backend 1/2: %s\n", device)
	switch {
	case f.mode == CPU, backend != "" && backend != device:
		fmt.Fprintln(out, "  Skipping")
	default:
		status := 0
		if ok, status = f.test(); status != 0 || f.mode == Short {
			return status
		}
		fmt.Fprintf(out, "  Backend %s: %s\n", device, state(ok))
	}
	fmt.Fprint(out, "Backend 2/2: CPU\n  Skipping CPU backend\n")
	fmt.Fprintf(out, "%d/2 backends passed\n%s\n", map[bool]int{true: 2, false: 1}[ok], state(ok))
	if !ok {
		return 1
	}
	return 0
}

type fake struct {
	op, mode  string
	out, errs io.Writer
}

func state(ok bool) string {
	if ok {
		return "\x1b[1;32mOK\x1b[0m"
	}
	return "\x1b[1;31mFAIL\x1b[0m"
}

func (f *fake) name(i int) string {
	return fmt.Sprintf("%s(type_a=q4_0,type_b=f32,m=16,n=%d,k=256)", f.op, i)
}

// test prints the device's cases: four that hold and one that is not supported, but for what is wrong.
func (f *fake) test() (ok bool, status int) {
	fmt.Fprint(f.out, "  Device description: a fake GPU\n  Device memory: 1 MB (1 MB free)\n\n")
	var failed []string
	passed, total := 0, 0
	for i := 1; i <= 4 && f.mode != Old; i++ {
		if f.mode == Unsupported {
			f.unsupported(i)
			continue
		}
		if f.mode == Crash && i == 3 {
			fmt.Fprint(f.errs, "fake.cpp:12: GGML_ASSERT(n % 32 == 0) failed\n")
			return false, Aborted
		}
		total++
		if f.mode == NoMemory && i == 3 {
			fmt.Fprintf(f.out, "failed to allocate tensors [%s] ", device)
			failed = append(failed, f.name(i))
			continue
		}
		wrong := f.mode == Wrong && i == 3
		if wrong {
			fmt.Fprintf(f.out, "[%s] ERR = 0.437120000 > 0.000500000 ", f.op)
			failed = append(failed, f.name(i))
		} else {
			passed++
		}
		if f.mode == Short && i == 3 {
			fmt.Fprint(f.out, "  "+f.name(i)[:20])
			return false, 0
		}
		fmt.Fprintf(f.out, "  %s: %s\n", f.name(i), state(!wrong))
	}
	if f.mode != Old && f.mode != Unsupported {
		f.unsupported(512)
	}
	fmt.Fprintf(f.out, "  %d/%d tests passed\n", passed, total)
	if len(failed) > 0 {
		fmt.Fprintf(f.out, "\nFailing tests:\n  %s\n", strings.Join(failed, "\n  "))
	}
	return passed == total, 0
}

func (f *fake) unsupported(i int) {
	fmt.Fprintf(f.out, "  %s: not supported [%s] \n", f.name(i), device)
}
