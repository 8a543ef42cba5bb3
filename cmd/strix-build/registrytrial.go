package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/faults"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/project"
	"strix-build/internal/recipe"
	"strix-build/internal/sign"
	"strix-build/internal/store"
)

// trialRecipe is the name of what is published for trials: no recipe of the project is meant.
const trialRecipe = "trial"

// trialClient makes images for trials, in a state folder of their own.
type trialClient struct {
	app    *app
	images *store.Store
	seed   uint64
	number int
}

// newTrialClient makes a state folder and a key in a folder.
func newTrialClient(ctx context.Context, seed uint64, work string) (faults.Client, error) {
	state := filepath.Join(work, "state")
	images, err := store.Open(filepath.Join(state, "images"))
	if err != nil {
		return faults.Client{}, err
	}
	c := &trialClient{app: &app{stateDir: state}, images: images, seed: seed}
	private, public, err := sign.Generate(func(bool) ([]byte, error) { return nil, nil })
	if err != nil {
		return faults.Client{}, err
	}
	key := filepath.Join(work, "trial")
	for file, data := range map[string][]byte{key + ".key": private, key + ".pub": public} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return faults.Client{}, err
		}
	}
	keys, err := sign.ReadPublicKeys(public)
	if err != nil {
		return faults.Client{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return faults.Client{}, err
	}
	return faults.Client{Recipe: trialRecipe, Keys: keys, Next: c.next, Args: func(op faults.Operation, repo, to string) []string { return trialArgs(op, repo, to, key) },
		Stage: func(repo string) []string { return append(trialArgs(faults.Publish, repo, "", key), "--candidate") },
		Start: func(ctx context.Context, args []string, env ...string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, self, append([]string{"--state", state, "--progress", "quiet"}, args...)...)
			cmd.Dir = work
			cmd.Env = append(os.Environ(), env...)
			return cmd
		}}, nil
}

// trialArgs is the command line of an operation.
func trialArgs(op faults.Operation, repo, to, key string) []string {
	switch op {
	case faults.Promote:
		return []string{"promote", repo, trialRecipe, "--key", key + ".pub"}
	case faults.Rollback:
		return []string{"rollback", repo, trialRecipe}
	case faults.Copy:
		return []string{"copy", repo, trialRecipe, to}
	case faults.Prune:
		return []string{"prune", repo, "--days", "0", "--keep", "1", "--delete"}
	}
	return []string{"publish", trialRecipe, "--to", repo, "--key", key + ".key"}
}

// next makes the next image, with evidence of a gate that let it pass.
func (c *trialClient) next(ctx context.Context) (string, error) {
	c.number++
	dir, err := os.MkdirTemp(c.app.stateDir, "staging-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := faults.WriteImage(dir, c.seed, c.number, trialLabels(), trialFiles()); err != nil {
		return "", err
	}
	name := "llama:" + trialRecipe
	r, err := c.images.Import(ctx, dir, store.Record{Name: name, Ref: name, Tags: []string{trialRecipe}, Built: time.Now().UTC(), Key: digest.FromString(fmt.Sprint(c.number)).Encoded()})
	if err != nil {
		return "", err
	}
	return r.Digest, c.app.passTrial(ctx, c.images, r)
}

// Of the image that a trial publishes.
const (
	trialBuild  = "b9880"
	trialCommit = "898b08854d64befbbb7f6e22a5e3052d65e94f4b"
)

func trialLabels() map[string]string {
	return map[string]string{graph.LabelRecipe: trialRecipe, graph.LabelBuild: trialBuild, ocispecs.AnnotationRevision: trialCommit}
}

func trialFiles() map[string]string {
	return map[string]string{
		"usr/lib/os-release":               "ID=debian\n",
		"usr/share/strix-build/build.json": `{"recipe": "` + trialRecipe + `", "container": "debian-cpu", "commit": "` + trialCommit + `", "build": 9880, "patches": [], "cmake": {}}`,
		"var/lib/dpkg/status":              "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.42-2\n\n",
	}
}

// passTrial writes evidence where a gate would: of an image that nothing can be said against, on a machine that nobody knows.
func (a *app) passTrial(ctx context.Context, images *store.Store, r *store.Record) error {
	policies, err := recipe.LoadPolicies(project.Embedded().FS) // as the program does that is run: it is not in any project
	if err != nil {
		return err
	}
	policy, err := policies.Policy(anyDevice)
	if err != nil {
		return err
	}
	e := &gate.Evidence{Version: gate.EvidenceVersion, Candidate: gate.Subject{Name: r.Ref, Digest: r.Digest}, Policy: gatePolicy(policy), Args: []string{},
		Device: gate.Device{Kind: "cpu"}, Runs: []gate.Run{}, Samples: []gate.Sample{}, Checks: []gate.Check{gate.Checked(gate.Static, "libraries resolve", "")}}
	file, err := a.evidenceOf(r)
	if err != nil {
		return err
	}
	if err := writeJudged(e, file); err != nil {
		return err
	}
	judged, err := gatedBy(e, file)
	if err != nil {
		return err
	}
	return images.Judge(ctx, r, judged, false)
}

// writeJudged judges evidence, and writes it where a gate would.
func writeJudged(e *gate.Evidence, file string) error {
	v := gate.Judge(e)
	e.Verdict = &v
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return store.WriteFile(file, data)
}
