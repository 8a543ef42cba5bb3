package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/bench"
	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/llamaserver"
	"strix-build/internal/matrix"
	"strix-build/internal/program"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// benchRun is a matrix that is measured.
type benchRun struct {
	*app
	o                 benchFlags
	axes              *matrix.Axes
	work              string // a folder
	subjects          []*subject
	files, draftFiles map[string]string // of models and drafts, by class
	flags             *recipe.Flags
	e                 *matrix.Evidence
	file              string // that keeps e
	turning           bool   // another order of arms in each round, and a canary
	called            string // the document's name; "": the subjects'
	// read and write are the document that e is in; nil: it is e. read returns none of a document about something else.
	read  func(data []byte) (*matrix.Evidence, error)
	write func(*matrix.Evidence) ([]byte, error)
}

// runBench measures what is left to measure, and shows it.
func (a *app) runBench(ctx context.Context, o benchFlags, axes *matrix.Axes) error {
	images, err := a.images()
	if err != nil {
		return err
	}
	work, drop, err := images.Scratch(ctx) // swept up where we are killed
	if err != nil {
		return err
	}
	defer drop()
	b := &benchRun{app: a, o: o, axes: axes, work: work}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	measured := b.measure(ctx)
	if measured != nil {
		b.e.Ended = measured.Error()
	}
	return errors.Join(measured, b.conclude(), a.showBench(b.e, o.csvFile))
}

// conclude computes what the samples show, and keeps it.
func (b *benchRun) conclude() error {
	b.e.Conclude()
	if err := b.keep(b.e); err != nil {
		return err
	}
	b.printf("all that was measured: %s\n", b.file)
	return nil
}

func (b *benchRun) close() {
	for i, s := range b.subjects {
		if b.sameBefore(i) < 0 {
			s.close()
		}
	}
}

// sameBefore is the first arm that runs the same programs as the i-th; -1: it is the i-th.
func (b *benchRun) sameBefore(i int) int {
	j := slices.IndexFunc(b.o.arms, func(arm benchArm) bool { return arm.subjectFlags == b.o.arms[i].subjectFlags })
	if j == i {
		return -1
	}
	return j
}

// prepare finds programs and models, and what was measured before.
func (b *benchRun) prepare(ctx context.Context) error {
	if err := b.findSubjects(ctx); err != nil {
		return err
	}
	if err := b.findModels(ctx, b.subjects[0].host); err != nil {
		return err
	}
	return b.ready(ctx)
}

// findSubjects finds each arm's programs; those of arms that have the same are unpacked once.
func (b *benchRun) findSubjects(ctx context.Context) error {
	first := bench.Program
	if len(b.axes.Tests) == 0 {
		first = llamaserver.Program
	}
	for i, arm := range b.o.arms {
		if j := b.sameBefore(i); j >= 0 {
			b.subjects = append(b.subjects, b.subjects[j])
			continue
		}
		arm.gpu, arm.host = b.o.gpu && arm.bin == "", b.o.host
		s, err := b.subject(ctx, arm.subjectFlags, b.work, first)
		if err != nil {
			return err
		}
		b.subjects = append(b.subjects, s)
	}
	return nil
}

// ready makes sure that all can be run as it is asked, and begins the evidence.
func (b *benchRun) ready(ctx context.Context) error {
	if err := b.prepareSpecs(ctx); err != nil {
		return err
	}
	runs, err := b.axes.Runs()
	if err != nil {
		return err
	}
	b.newEvidence(runs)
	b.warn()
	return b.resume()
}

// prepareSpecs makes sure that each arm can draft as it is asked to.
func (b *benchRun) prepareSpecs(ctx context.Context) error {
	if len(b.axes.Specs) == 0 {
		return nil
	}
	p, err := b.project()
	if err != nil {
		return err
	}
	if b.flags, err = recipe.LoadFlags(p.FS); err != nil {
		return err
	}
	for arm, s := range b.subjects {
		if !s.has(llamaserver.Program) {
			return usage("--spec: %s has no %s", s.name, llamaserver.Program)
		}
		for _, way := range b.axes.Specs {
			if err := b.prepareSpec(ctx, arm, way); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepareSpec finds out how an arm is told to draft.
func (b *benchRun) prepareSpec(ctx context.Context, arm int, way matrix.Spec) error {
	if way == matrix.Off {
		return nil
	}
	s, letter := b.subjects[arm], string(rune('A'+arm))
	if err := b.knowBuild(ctx, s, b.o.builds[letter]); err != nil {
		return &build.HintError{Err: fmt.Errorf("--spec %s: %s: %w", way, s.name, err), Hint: "say which build it is: --build " + letter + "=b9880"}
	}
	if _, err := b.speculate(arm, way, "draft.gguf"); err != nil {
		return usage("--spec %s: %s: %v", way, s.name, err)
	}
	return nil
}

// The tokens drafted at once, where no one says: upstream's for MTP, the gate's for a second model.
const mtpWindow = 3

func (b *benchRun) speculate(arm int, way matrix.Spec, file string) ([]string, error) {
	window := b.o.window
	switch {
	case window == 0 && way == matrix.MTP:
		window = mtpWindow
	case window == 0:
		window = draftWindow
	}
	if way == matrix.Draft {
		return b.flags.DraftWith(b.subjects[arm].build, file, window)
	}
	return b.flags.SpeculateWith(b.subjects[arm].build, string(way), window)
}

// newEvidence is what a matrix begins with.
func (b *benchRun) newEvidence(runs []matrix.Run) {
	served := (&specFlags{ngl: b.o.ngl, device: b.o.device}).options("")
	e := &matrix.Evidence{Version: matrix.EvidenceVersion, Tool: versionText(), Host: gate.Host(b.subjects[0].machine.Facts), Args: (&gateFlags{ngl: b.o.ngl, device: b.o.device}).args(),
		ServerArgs: append([]string{}, served.Args...), DraftArgs: append([]string{}, served.DraftArgs...), Rounds: b.o.rounds, Repetitions: b.o.repetitions,
		Environment: b.o.env, Settle: b.o.settle, Timeout: b.o.timeout, Others: b.o.others, Runs: runs, Samples: []matrix.Sample{}, Cells: []matrix.Cell{}, Faults: []string{}}
	if b.turning {
		e.Order, e.Canary = matrix.Turning, canary
	}
	caches := slices.Clone(b.axes.KV)
	for i, s := range b.subjects {
		arm := b.o.arms[i].run
		arm.Subject = s.evidence()
		if b.o.arms[i].called != "" {
			arm.Name = b.o.arms[i].called
		}
		if arm.KV != nil {
			caches = append(caches, *arm.KV)
		}
		e.Arms = append(e.Arms, arm)
	}
	on := b.o.flashAttn
	for _, kv := range caches {
		if on == "" && kv.NeedsFlashAttention() {
			on = "on" // in every cell, so that they differ in the cache alone
		}
	}
	if on != "" {
		e.Args = append(e.Args, "-fa", map[string]string{"on": "1", "off": "0"}[on])
		e.ServerArgs = append(e.ServerArgs, "--flash-attn", on)
	}
	e.Args, e.ServerArgs = append(e.Args, b.o.extra...), append(e.ServerArgs, b.o.extra...)
	b.e = e
}

// warn tells of what is known to take long.
func (b *benchRun) warn() {
	for _, kv := range b.axes.KV {
		if kv.Asymmetric() {
			b.printf("warning: --kv %s: with keys and values of two types, every pair that was tried on gfx1151 timed out or was more than 3 times slower at 32,768 tokens "+
				"(Vulkan, 0xSero/strix-benchmarks, 2026-04); a process that takes longer than %s is ended, and its cells say time-out\n", kv, b.o.timeout)
		}
	}
}

// resume goes on with a document that is about the same and not finished.
func (b *benchRun) resume() error {
	if b.file = b.o.jsonFile; b.file == "" {
		dir, err := b.state()
		if err != nil {
			return err
		}
		folder, name := b.place()
		b.file = filepath.Join(dir, folder, shortName(fileName(name))+".json")
	}
	return b.goOn(b.file, "--json", func(data []byte) (int, bool, error) {
		read := matrix.Read
		if b.read != nil {
			read = b.read
		}
		old, err := read(data)
		if err != nil {
			return 0, false, err
		}
		if old == nil { // of something else
			return 0, false, nil
		}
		if _, more := matrix.Next(old); !more || !sameBench(old, b.e) {
			return 0, false, nil
		}
		old.Ended = ""
		b.e = old
		return len(old.Samples), true, nil
	})
}

// place is the folder and the name of a document that was given none.
func (b *benchRun) place() (folder, name string) {
	if b.called != "" {
		return "ab", b.called
	}
	var names []string
	for _, s := range b.subjects {
		names = append(names, s.name)
	}
	return "bench", strings.Join(names, " ")
}

// longestName leaves room for what is put behind a file's name, which has 255 bytes at most.
const longestName = 200

// shortName is a name that a file can have, and no other name has.
func shortName(name string) string {
	if len(name) <= longestName {
		return name
	}
	return fmt.Sprintf("%s-%x", name[:longestName-17], sha256.Sum256([]byte(name)))[:longestName]
}

// sameBench reports whether one goes on with the other: nothing that was asked has changed, nor the host.
func sameBench(a, b *matrix.Evidence) bool {
	asked := func(e *matrix.Evidence) matrix.Evidence {
		out := *e
		out.Tool, out.Samples, out.Cells, out.Faults, out.Ended = "", nil, nil, nil, ""
		return out
	}
	return sameJSON(asked(a), asked(b))
}

func (b *benchRun) keep(e *matrix.Evidence) error {
	if b.write != nil {
		data, err := b.write(e)
		if err != nil {
			return err
		}
		return store.WriteFile(b.file, data)
	}
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return err
	}
	return store.WriteFile(b.file, append(data, '\n'))
}

func (b *benchRun) measure(ctx context.Context) error {
	d, done, err := b.newDisplay(true, "Measuring")
	if err != nil {
		return err
	}
	defer done()
	m := matrix.Bench{Meter: bench.Meter{Timeout: b.o.timeout, Busy: b.subjects[0].host.Busy}, Models: b.files, Drafts: b.draftFiles, Speculate: b.speculate,
		WorkDir: b.work, Keep: b.keep, Step: d.Step}
	for _, s := range b.subjects {
		m.Arms = append(m.Arms, program.Runner(s))
	}
	return b.explainIdle(m.Measure(ctx, b.e))
}

// explainIdle says what can be done about a GPU that was not used.
func (b *benchRun) explainIdle(err error) error {
	var idle *matrix.IdleGPUError
	if !errors.As(err, &idle) || slices.Contains(b.e.Environment, firstVulkan) {
		return err
	}
	var hints []string
	if !b.o.gpu && b.o.arms[idle.Arm].bin == "" {
		hints = append(hints, "--gpu gives images the host's devices, and without --ngl it is the CPU that is measured")
	}
	if strings.Contains(idle.Backends, "Vulkan") {
		hints = append(hints, lavapipeHint)
	}
	return &build.HintError{Err: err, Hint: strings.Join(hints, "; ")}
}

// llama.cpp's Vulkan leaves out devices that are CPUs since b5622 (#14099), unless they are asked for by number.
const (
	firstVulkan  = "GGML_VK_VISIBLE_DEVICES=0"
	lavapipeHint = "for lavapipe, Mesa's Vulkan on the CPU, say --env " + firstVulkan
)

// showBench prints what was measured, and turns what cannot be trusted into the exit code.
func (a *app) showBench(e *matrix.Evidence, csvFile string) error {
	if csvFile != "" {
		var out bytes.Buffer
		if err := e.CSV(&out); err != nil {
			return err
		}
		if err := store.WriteFile(csvFile, out.Bytes()); err != nil {
			return err
		}
	}
	if err := e.Text(a.out, a.width(a.out)); err != nil {
		return err
	}
	if e.Refused() {
		return &refusedError{"what was measured cannot be trusted: INVALID"}
	}
	return failedCells(e)
}

// failedCells is an error where a cell failed.
func failedCells(e *matrix.Evidence) error {
	if n := e.Failures(); n > 0 {
		return fmt.Errorf("%d of %d cells failed", n, len(e.Cells))
	}
	return nil
}
