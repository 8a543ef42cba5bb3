package kernels

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/ianlancetaylor/demangle"

	"strix-build/internal/strictyaml"
)

// Name is a kernel's name in words. Parameters are left out: a patch that adds one leaves the kernel the same.
type Name struct {
	Text   string `json:"name"`           // with template arguments, e.g. mul_mat_q<(ggml_type)12, 64, false>
	Family string `json:"family"`         // mul_mat_q
	Type   string `json:"type,omitempty"` // q4_K; of several enum arguments all, with slashes: f16/q8_0
	Tile   string `json:"tile,omitempty"` // the other arguments: 64, false
}

// enum is an entry of types.yaml.
type enum struct {
	Name   string            `yaml:"name,required"`
	Values map[string]string `yaml:"values,required"`
}

type enumTable struct {
	Enums []enum `yaml:"enums,required"`
}

//go:embed types.yaml
var typesYAML []byte

var loadEnums = sync.OnceValues(func() (map[string]map[string]string, error) {
	var t enumTable
	problems := strictyaml.Decode("internal/kernels/types.yaml", typesYAML, &t)
	out := map[string]map[string]string{}
	for _, e := range t.Enums {
		out[e.Name] = e.Values
	}
	return out, problems.Err()
})

// Names takes mangled names apart, each once: two images have mostly the same ones. The zero value is ready.
type Names struct {
	mu    sync.Mutex
	known map[string]Name
}

// A name longer than two to this power of bytes is cut by the demangler: a short symbol can stand for gigabytes.
const maxName = 16

// Of takes a symbol apart. One that is not mangled, as of a kernel in C, is its own family.
func (n *Names) Of(symbol string) (Name, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.known[symbol]; ok {
		return name, nil
	}
	name, err := split(symbol)
	if err != nil {
		return Name{}, err
	}
	if n.known == nil {
		n.known = map[string]Name{}
	}
	n.known[symbol] = name
	return name, nil
}

func split(symbol string) (Name, error) {
	enums, err := loadEnums()
	if err != nil {
		return Name{}, err
	}
	tree, err := demangle.ToAST(symbol, demangle.NoParams, demangle.NoClones, demangle.MaxLength(maxName))
	if err != nil { // not mangled, or not as we know it
		return Name{Text: symbol, Family: symbol}, nil //nolint:nilerr // the symbol stands for itself
	}
	text := func(a demangle.AST) string { return demangle.ASTToString(a, demangle.MaxLength(maxName)) }
	out := Name{Text: text(tree)}
	template, ok := tree.(*demangle.Template)
	if !ok {
		out.Family = out.Text
		return out, nil
	}
	out.Family = demangle.ASTToString(template.Name, demangle.NoTemplateParams, demangle.MaxLength(maxName))
	var types, rest []string
	for _, arg := range template.Args {
		if word, ok := inEnum(enums, arg); ok {
			types = append(types, word)
		} else {
			rest = append(rest, text(arg))
		}
	}
	out.Type, out.Tile = strings.Join(types, "/"), strings.Join(rest, ", ")
	return out, nil
}

// inEnum says what a template argument means that is a value of an enum in types.yaml; a value that is not there is its
// number.
func inEnum(enums map[string]map[string]string, arg demangle.AST) (string, bool) {
	l, ok := arg.(*demangle.Literal)
	if !ok {
		return "", false
	}
	of, ok := l.Type.(*demangle.Name)
	if !ok {
		return "", false
	}
	values, ok := enums[of.Name]
	if !ok {
		return "", false
	}
	if word, ok := values[l.Val]; ok {
		return word, true
	}
	return of.Name + " " + l.Val, true
}
