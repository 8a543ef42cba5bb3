package toolboxtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Variables of the programs that stand in.
const (
	StateVariable  = "TOOLBOXTEST_STATE"  // a file that keeps what there is
	LabelsVariable = "TOOLBOXTEST_LABELS" // of what is pulled: key=value;key=value
	FailVariable   = "TOOLBOXTEST_FAIL"   // a command line that has this in it fails
)

// Main is the program PODMAN [ARG...], TOOLBOX or DISTROBOX: the name is its first argument.
func Main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(125)
	}
}

func serve(words []string) error {
	file := os.Getenv(StateVariable)
	e := &Engine{}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, e)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e.Labels, e.Fail = map[string]string{}, os.Getenv(FailVariable)
	for l := range strings.SplitSeq(os.Getenv(LabelsVariable), ";") {
		k, v, _ := strings.Cut(l, "=")
		e.Labels[k] = v
	}
	out, failed := e.Run(words, os.Stdin)
	if data, err = json.Marshal(e); err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	fmt.Print(out)
	return errors.Join(failed, err)
}
