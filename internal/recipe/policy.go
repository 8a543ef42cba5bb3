package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"strix-build/internal/diag"
	"strix-build/internal/llamabench"
	"strix-build/internal/strictyaml"
)

// Policies is recipes/policies.yaml: what an image must show before its channel moves.
type Policies struct {
	Policies map[string]*Policy `yaml:"policies,required" doc:"gate policies by name"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Kind names the document in messages.
func (Policies) Kind() string { return "policies file" }

// Policy is one gate policy.
type Policy struct {
	Name        string             `yaml:"-"`
	Description Text               `yaml:"description,required" doc:"one line"`
	Device      Text               `yaml:"device,required" doc:"GPU target that PASS needs, or any"`
	SmokeMoves  Text               `yaml:"smoke-moves,required" doc:"the tag that the verdict SMOKE may move" enum:"none,candidate,channel"`
	Models      map[string]Text    `yaml:"models,required" doc:"model by class (dense, moe, hybrid): smoke:ARCH is one that strix-build makes, own is what --model names"`
	Limits      map[string]Percent `yaml:"limits,required" doc:"loss that is too much, by llama-bench test such as pp512 or tg32@d32768"`
	Divergence  Nats               `yaml:"divergence" doc:"mean Kullback-Leibler divergence from the reference that is too much, such as 0.01 nats; none: any"`
	Load        Percent            `yaml:"load" doc:"how much longer than the baseline a server may take to start; none: any"`
	Kernels     map[string]int     `yaml:"kernels" doc:"what a GPU kernel that can be chosen may lose against the baseline's, by figure: vgpr-spills and sgpr-spills (registers), scratch (bytes), occupancy (waves), dynamic-stack (0: none may appear); of a figure that is not there, any"`
	ImageSize   Megabytes          `yaml:"image-size" doc:"most that an image may have, compressed, such as 250 MB; none: any"`
	Error       Percent            `yaml:"error,required" doc:"chance of a wrong claim that is accepted"`
	Rounds      []int              `yaml:"rounds,required" doc:"numbers of rounds after which it is judged; the last one ends it"`
	Canary      int                `yaml:"canary,required" doc:"rounds of the baseline against itself, at the start and at the end"`
	Repetitions int                `yaml:"repetitions,required" doc:"of each test in a process; their median is its figure"`
	Settle      Duration           `yaml:"settle" doc:"pause before each process"`
	Budget      Duration           `yaml:"budget" doc:"time for all processes; none: the rounds alone end it"`
	Others      Percent            `yaml:"others" doc:"share of one CPU that other processes may use meanwhile; none: any"`

	Pos    diag.Pos          `yaml:"-"` // of its name
	Places strictyaml.Places `yaml:"-"`
}

// Percent is a share, written as a number of percent.
type Percent float64

var percentForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?%$`)

// UnmarshalText reads "3 %" as 0.03.
func (p *Percent) UnmarshalText(text []byte) error {
	m := percentForm.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no share; want the like of 3 %%", text)
	}
	x, err := strconv.ParseFloat(string(m[1]), 64)
	*p = Percent(x / 100)
	return err
}

// Nats is a divergence in natural units of information.
type Nats float64

var natsForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) nats?$`)

// UnmarshalText reads "0.01 nats".
func (n *Nats) UnmarshalText(text []byte) error {
	m := natsForm.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no divergence; want the like of 0.01 nats", text)
	}
	x, err := strconv.ParseFloat(string(m[1]), 64)
	*n = Nats(x)
	return err
}

// Megabytes is a size, written as a number of MB.
type Megabytes int64

var megabytesForm = regexp.MustCompile(`^([0-9]{1,9}) ?MB$`)

// UnmarshalText reads "250 MB" as 250000000.
func (b *Megabytes) UnmarshalText(text []byte) error {
	m := megabytesForm.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no size; want the like of 250 MB", text)
	}
	x, err := strconv.ParseInt(string(m[1]), 10, 64)
	*b = Megabytes(x * 1e6)
	return err
}

// Duration is a time as Go writes it: 90m, 2s.
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	t, err := time.ParseDuration(string(text))
	if err != nil || t < 0 {
		return fmt.Errorf("%q is no time; want the like of 90m or 2s", text)
	}
	*d = Duration(t)
	return nil
}

// Words of a policy.
const (
	AnyDevice  = "any"    // of Device
	SmokeModel = "smoke:" // before an architecture, of Models
)

// Classes are the classes of models: what regresses in one need not in another.
func Classes() []string { return []string{"dense", "moe", "hybrid"} }

// LoadPolicies reads recipes/policies.yaml; a project without it has none. The error is a *diag.Error with every problem.
func LoadPolicies(fsys fs.FS) (*Policies, error) {
	p, err := load(fsys, policiesFile, (*Policies).check)
	if errors.Is(err, fs.ErrNotExist) {
		return &Policies{}, nil
	}
	return p, err
}

// Policy returns one policy. For a name that is none the error lists them, and errors.Is(err, fs.ErrNotExist) holds.
func (p *Policies) Policy(name string) (*Policy, error) {
	if found := p.Policies[name]; found != nil {
		return found, nil
	}
	return nil, unknown("gate policy", name, sortedKeys(p.Policies))
}

// CheckRecipe reports a recipe whose policy is not there. The error is a *diag.Error placed in the recipe.
func (p *Policies) CheckRecipe(r *Recipe) error {
	var list diag.List
	if r.Gate.Value != "" {
		known(&list, "gate policy", []Text{r.Gate}, sortedKeys(p.Policies))
	}
	return list.Err()
}

func (p *Policies) check(c *checker) {
	for _, name := range sortedKeys(p.Policies) {
		policy := p.Policies[name]
		if policy == nil {
			continue // empty, which is known
		}
		policy.Name, policy.Pos = name, p.Places["policies."+name]
		c.name(Text{Value: name, Pos: policy.Pos}, "gate policy")
		policy.check(c)
	}
}

var (
	deviceForm = regexp.MustCompile(`^(any|gfx[0-9a-f]{3,5})$`)
	modelForm  = regexp.MustCompile(`^(own|smoke:[a-z0-9]+)$`)
)

func (p *Policy) check(c *checker) {
	c.form(p.Description, lineForm, "one line of text")
	c.form(p.Device, deviceForm, "a GPU target such as gfx1151, or any")
	for _, class := range sortedKeys(p.Models) {
		if !slices.Contains(Classes(), class) {
			c.list.Add(p.Places["models."+class], "", "%q is no class of models; %sthere are %s", class,
				didYouMean(class, Classes()), strings.Join(Classes(), ", "))
		}
		c.form(p.Models[class], modelForm, "own, or smoke: with an architecture")
	}
	for _, test := range sortedKeys(p.Limits) {
		at := p.Places["limits."+test]
		if _, _, _, err := llamabench.ParseTest(test); err != nil {
			c.list.Add(at, "", "%v", err)
		}
		c.share(at, p.Limits[test])
	}
	c.share(p.Places["error"], p.Error)
	p.checkKernels(c)
	p.checkRounds(c)
}

// KernelFigures are what a policy can bound of a kernel.
func KernelFigures() []string {
	return []string{"vgpr-spills", "scratch", "occupancy", "sgpr-spills", "dynamic-stack"}
}

func (p *Policy) checkKernels(c *checker) {
	for _, figure := range sortedKeys(p.Kernels) {
		at := p.Places["kernels."+figure]
		if !slices.Contains(KernelFigures(), figure) {
			c.list.Add(at, "", "%q is no figure of a kernel; %sthere are %s", figure, didYouMean(figure, KernelFigures()), strings.Join(KernelFigures(), ", "))
		}
		if n := p.Kernels[figure]; n < 0 {
			c.list.Add(at, "", "%d is no loss; want 0 or more", n)
		}
	}
}

// share reports what is no share between 0 and 1. One that could not be read is 0, and known where the file has problems.
func (c *checker) share(at diag.Pos, x Percent) {
	if c.clean && (x <= 0 || x >= 1) {
		c.list.Add(at, "", "%g %% is no share between 0 and 100 %%", 100*float64(x))
	}
}

func (p *Policy) checkRounds(c *checker) {
	if !c.clean {
		return
	}
	last := 0
	for _, n := range p.Rounds {
		if n <= last {
			c.list.Add(p.Places["rounds"], "", "rounds want numbers that rise, such as [5, 8, 12, 16]")
			break
		}
		last = n
	}
	if last > MaxRounds {
		c.list.Add(p.Places["rounds"], "", "%d rounds are more than the %d that can be judged", last, MaxRounds)
	}
	if p.Canary > MaxCanary {
		c.list.Add(p.Places["canary"], "", "canary wants at most %d", MaxCanary)
	}
	if p.Error > MaxError {
		c.list.Add(p.Places["error"], "", "error wants at most %g %%: beyond it a verdict says nothing", 100*MaxError)
	}
	for _, key := range []struct {
		name string
		n    int
	}{{"canary", p.Canary}, {"repetitions", p.Repetitions}} {
		if key.n < 1 {
			c.list.Add(p.Places[key.name], "", "%s wants at least 1", key.name)
		}
	}
}

// Bounds of a policy, of a project or in evidence.
const (
	MaxRounds = 200 // keeps the table of the exact test, and the time to compute it, small
	MaxCanary = 20  // more than anyone needs of it, at each end
	MaxError  = 0.2 // beyond it a verdict says nothing
)
