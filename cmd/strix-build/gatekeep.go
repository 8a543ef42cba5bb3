package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/store"
)

// resume goes on with a document that is about the same and not finished, and returns where e is kept.
func (a *app) resume(e *gate.Evidence, file string) (string, error) {
	if file == "" {
		dir, err := a.state()
		if err != nil {
			return "", err
		}
		name := e.Candidate.Name
		if e.Baseline != nil {
			name += " against " + e.Baseline.Name
		}
		file = filepath.Join(dir, "gate", fileName(name+" "+e.Policy.Name)+".json")
	}
	return file, a.goOn(file, "--evidence", func(data []byte) (int, bool, error) {
		old, err := gate.Read(data)
		if err != nil {
			return 0, false, err
		}
		if _, more := gate.Next(old); !more || !sameGate(old, e) {
			return 0, false, nil
		}
		*e = *old
		return len(e.Samples), true, nil
	})
}

// goOn reads what an interrupted command left in file, if there is something. read takes it, says how many processes it has, and whether
// this command goes on with it; else it is kept as .old. flag is what names the file.
func (a *app) goOn(file, flag string, read func(data []byte) (done int, same bool, err error)) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	done, same, err := read(data)
	if err != nil {
		return usage("%s: %v; give another %s, or remove it", file, err, flag)
	}
	if !same {
		return os.Rename(file, file+".old")
	}
	a.printf("goes on with %s: %d processes are done\n", file, done)
	return nil
}

// sameGate reports whether one goes on with the other: nothing that was asked has changed, nor the host.
func sameGate(a, b *gate.Evidence) bool {
	return sameJSON(a.Candidate, b.Candidate) && sameJSON(a.Baseline, b.Baseline) && sameJSON(a.Policy, b.Policy) && sameJSON(a.Runs, b.Runs) && sameJSON(a.Args, b.Args) && sameJSON(a.Host, b.Host)
}

// sameJSON compares what is written.
func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// fileName turns a name into one that a file can have.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == ':' || r == '@' || r == ' ' {
			return '-'
		}
		return r
	}, strings.Trim(name, "/"))
}

// keep writes the document whole.
func keep(file string, e *gate.Evidence) error {
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return err
	}
	return store.WriteFile(file, append(data, '\n'))
}
