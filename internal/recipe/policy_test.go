package recipe

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const somePolicy = `policies:
  quick:
    description: few rounds
    device: any
    smoke-moves: none
    models: {dense: smoke:llama, moe: own}
    limits: {pp512: 2.5 %, tg32@d4096: 10 %}
    kernels: {vgpr-spills: 8, dynamic-stack: 0}
    image-size: 250 MB
    error: 5 %
    rounds: [3, 6]
    canary: 1
    repetitions: 2
    settle: 2s
    budget: 1h30m
    others: 50 %
`

func TestPolicyValues(t *testing.T) {
	t.Parallel()
	all, err := LoadPolicies(fstest.MapFS{"recipes/policies.yaml": {Data: []byte(somePolicy)}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := all.Policy("quick")
	if err != nil {
		t.Fatal(err)
	}
	if stack, ok := p.Kernels["dynamic-stack"]; !ok || stack != 0 || p.Kernels["vgpr-spills"] != 8 || p.ImageSize != 250e6 {
		t.Errorf("kernels %v, image size %d", p.Kernels, p.ImageSize)
	}
	if p.Limits["pp512"] != 0.025 || p.Limits["tg32@d4096"] != 0.1 || p.Error != 0.05 || p.Others != 0.5 ||
		time.Duration(p.Settle) != 2*time.Second || time.Duration(p.Budget) != 90*time.Minute || p.Models["moe"].Value != "own" {
		t.Errorf("%+v", p)
	}
	if _, err := all.Policy("quik"); err == nil || !strings.Contains(err.Error(), `did you mean "quick"?`) {
		t.Error(err)
	}
}

func TestRecipeOfAnUnknownPolicy(t *testing.T) {
	t.Parallel()
	all, err := LoadPolicies(fstest.MapFS{"recipes/policies.yaml": {Data: []byte(somePolicy)}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRecipe(testProject, "mmq")
	if err != nil {
		t.Fatal(err)
	}
	if err := all.CheckRecipe(r); err == nil || !strings.Contains(err.Error(), `recipes/mmq.yaml:11:7: unknown gate policy "smoke"`) {
		t.Error(err)
	}
	r.Gate = Text{}
	if err := all.CheckRecipe(r); err != nil {
		t.Error(err)
	}
}

func TestProjectWithoutPolicies(t *testing.T) {
	t.Parallel()
	all, err := LoadPolicies(fstest.MapFS{})
	if err != nil || len(all.Policies) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
