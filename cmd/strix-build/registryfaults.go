package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"strix-build/internal/faults"
)

// faultsFlags are what registry faults is asked.
type faultsFlags struct {
	seed              uint64
	count             int
	kinds, registries []string
	json, keep        bool
}

func (a *app) registryFaultsCmd() *cobra.Command {
	var o faultsFlags
	cmd := &cobra.Command{
		Use:   "faults",
		Short: "publish into faults, again and again, and look whether a reader could ever have seen something broken",
		Long: `Publishes, promotes, rolls back, copies and prunes images made for it, on registries started for it, and plays a fault at a random request of each: what
kills strix-build or the registry, cuts, slows, refuses or fills. Then runs the same command once more without a fault. After every write to
the registry it looks at the tag that was written: is the image whole, is all attached that proves it, does it hold, and is there a
way back. The same seed plays the same faults.

Exit code 1: something was wrong at least once. Nothing of the state folder is touched.`,
		Example: "  strix-build registry faults --seed 7 --count 200",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.registryFaults(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides what goes wrong where")
	f.IntVar(&o.count, "count", 200, "`N` faults") //nolint:mnd // some of each kind
	f.StringSliceVar(&o.kinds, "kind", nil, "`KIND`s of faults: "+kindList(faults.Kinds())+" (default: all that can be played here)")
	f.StringSliceVar(&o.registries, "registry", nil, "`REGISTRY`s: embedded, no-referrers, docker-registry (default: all that are here)")
	f.BoolVar(&o.json, "json", false, "print JSON: all trials")
	f.BoolVar(&o.keep, "keep", false, "keep the folder of the run, and say where it is")
	return cmd
}

func (a *app) registryFaults(ctx context.Context, o faultsFlags) (failed error) {
	kinds, err := a.faultKinds(ctx, o.kinds, o.keep)
	if err != nil {
		return err
	}
	registries, err := trialRegistries(o.registries)
	if err != nil {
		return err
	}
	if o.count < len(registries) {
		return usage("--count %d: want one fault for each registry at least: %d", o.count, len(registries))
	}
	work, err := os.MkdirTemp("", "strix-build-faults-")
	if err != nil {
		return err
	}
	if o.keep {
		a.printf("kept: %s\n", work)
	} else {
		defer func() { failed = errors.Join(failed, os.RemoveAll(work)) }()
	}
	trials, err := a.playFaults(ctx, o, kinds, registries, work)
	if err != nil {
		return err
	}
	if o.json {
		return errors.Join(json.NewEncoder(a.out).Encode(trials), wrongTrials(trials))
	}
	table := faults.Table
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		table = faults.Aligned
	}
	if err := table(a.out, trials); err != nil {
		return err
	}
	if err := errors.Join(a.saidAtFaults(trials), wrongTrials(trials)); err != nil {
		return err
	}
	a.printf("nothing was wrong\n")
	return nil
}

func kindList(kinds []faults.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

// faultKinds are those that are asked for, or all that can be played here.
func (a *app) faultKinds(ctx context.Context, asked []string, keep bool) ([]faults.Kind, error) {
	all := faults.Kinds()
	why := ""
	switch {
	case keep:
		why = "what is on a disk of its own cannot be kept"
	case !faults.CanFill(ctx):
		why = "only root can make a disk that is filled"
	}
	if why != "" {
		all = slices.DeleteFunc(all, func(k faults.Kind) bool { return k == faults.FullDisk })
		a.printf("left out: %s: %s\n", faults.FullDisk, why)
	}
	if len(asked) == 0 {
		return all, nil
	}
	var out []faults.Kind
	for _, k := range asked {
		if !slices.Contains(all, faults.Kind(k)) {
			return nil, usage("--kind %q: there are %s", k, kindList(all))
		}
		out = append(out, faults.Kind(k))
	}
	return out, nil
}

// playFaults shows each trial as it ends.
func (a *app) playFaults(ctx context.Context, o faultsFlags, kinds []faults.Kind, registries []faults.Program, work string) (trials []*faults.Trial, err error) {
	names := make([]string, len(registries))
	for i, r := range registries {
		names[i] = r.Name
	}
	step := fmt.Sprintf("faults: %d, seed %d, on %s", o.count, o.seed, strings.Join(names, ", "))
	err = a.step(step, func(log io.Writer) (err error) {
		var mu sync.Mutex
		done := 0
		run := &faults.Run{Seed: o.seed, Count: o.count, Kinds: kinds, Registries: registries, Work: work, Client: func(_, work string) (faults.Client, error) {
			return newTrialClient(ctx, o.seed, work)
		}, Told: func(registry string, t *faults.Trial) {
			mu.Lock()
			defer mu.Unlock()
			done++
			fmt.Fprintf(log, "%d of %d: %s: %s\n", done, o.count, registry, t.Line())
		}}
		trials, err = run.Do(ctx)
		return err
	})
	return trials, err
}

// saidAtFaults shows what people were told where strix-build gave up, and the same command went on afterwards, once for each kind.
func (a *app) saidAtFaults(trials []*faults.Trial) error {
	seen := map[faults.Kind]bool{}
	w := tabwriter.NewWriter(a.err, 0, 0, 2, ' ', 0)
	for _, t := range trials {
		if t.Ended == faults.GaveUp && !seen[t.Kind] {
			if len(seen) == 0 {
				a.printf("where it gave up, to be run again, it said:\n")
			}
			seen[t.Kind] = true
			fmt.Fprintf(w, "%s\t%s\n", t.Kind, strings.ReplaceAll(t.Said, "\n", "\n\t"))
		}
	}
	return w.Flush()
}

func wrongTrials(trials []*faults.Trial) error {
	var errs []error
	for _, t := range faults.Failed(trials) {
		errs = append(errs, fmt.Errorf("%s: %s", t.Registry, t.Line()))
	}
	return errors.Join(errs...)
}

// trialRegistries are the registries that are here, or that are asked for.
func trialRegistries(asked []string) ([]faults.Program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	serve := func(more ...string) func(dir, address string) ([]string, error) {
		return func(dir, address string) ([]string, error) {
			return append([]string{self, "registry", "serve", "--dir", dir, "--listen", address}, more...), nil
		}
	}
	all := []faults.Program{{Name: "embedded", Command: serve()}, {Name: "no-referrers", Command: serve("--no-referrers")}}
	if docker, err := exec.LookPath(dockerRegistry); err == nil {
		all = append(all, faults.Program{Name: dockerRegistry, Command: func(dir, address string) ([]string, error) {
			file := filepath.Join(filepath.Dir(dir), "config.yml")
			return []string{docker, "serve", file}, os.WriteFile(file, fmt.Appendf(nil, dockerRegistryConfig, dir, address), 0o600)
		}})
	}
	if len(asked) == 0 {
		return all, nil
	}
	var out []faults.Program
	for _, name := range asked {
		i := slices.IndexFunc(all, func(p faults.Program) bool { return p.Name == name })
		if i < 0 {
			return nil, usage("--registry %q: it is not here; want embedded, no-referrers or %s", name, dockerRegistry)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// dockerRegistry is distribution's registry, as Debian has it.
const dockerRegistry = "docker-registry"

const dockerRegistryConfig = `version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
http: {addr: %s}
`
