package graph

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// notInKey are the parts of an input that decide nothing in the image, and why.
var notInKey = regexp.MustCompile(`^(` +
	`Helper\..*` + // a newer strix-build cuts to the same bytes
	`|Files\..*|.*\.Pos|.*\.Places` + // where things are written
	`|Recipe\.(Track|Source|Backend|LlamaCpp|Container|Gate|Patches|CMake|Features|Image\.Tags|Suffix)\b.*` + // pins, Choices and Patches carry them
	`|Container\.(Description|Backends|Provides|Versions|CMake)\b.*|Container\.Stubs\.\d+\.Why\b.*` +
	`|Choices\.(Notes|Idle|Flags|ArchFlag|Parts)\b.*` + // shown, or checked after the fact
	`|Container\.Parts\.\w+\.(Source|Commit|Folder)\b.*|Parts\.\w+\.Image` + // the part's tree carries them
	`|Recipe\.Exclude\b.*` + // the exported tree lacks the paths
	`)$`)

// TestKeyCoversInput changes one field of the input after the other, found by reflection, so that a field that is
// added later is asked about too.
func TestKeyCoversInput(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fresh  func() Input
		unused string // what this form of an input has no use for
	}{
		"bootstrap": {func() Input { return input(t, "rocm-mmq") }, `Base\.Image|Container\.Parts\..*`},
		"image":     {func() Input { return input(t, "rocm-mmq", "container=fedora-rocm-7.2") }, `Base\.Layout|Container\.Base\.Image\..*|Container\.Parts\..*`},
		"part": {func() Input {
			in := input(t, "rocm-mmq", "features.rocwmma-fattn=true")
			withPart(&in)
			return in
		}, `Base\.Image`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := tc.fresh()
			before := newGraph(t, in).Key
			unused := regexp.MustCompile("^(" + tc.unused + ")$")
			for i, l := range leaves(&in) {
				if unused.MatchString(l.path) {
					continue
				}
				changed := tc.fresh()
				leaves(&changed)[i].change()
				switch after := newGraph(t, changed).Key; {
				case notInKey.MatchString(l.path):
					if after != before {
						t.Errorf("%s changes the key", l.path)
					}
				case after == before:
					t.Errorf("%s does not change the key", l.path)
				}
			}
		})
	}
}

// TestNotInKeyIsUsed keeps the list of exceptions from outliving what it is about.
func TestNotInKeyIsUsed(t *testing.T) {
	t.Parallel()
	in := input(t, "rocm-mmq")
	var paths []string
	for _, l := range leaves(&in) {
		paths = append(paths, l.path)
	}
	for _, p := range []string{"Helper.Layout", "Recipe.Image.Tags.0.Value", "Recipe.Gate.Value", "Container.Description.Value",
		"Source.Commit", "Source.Time", "Patches.0.Data", "Choices.CMake.GGML_HIP.Value", "Recipe.KeepGPUs.0.Value"} {
		if !slices.Contains(paths, p) {
			t.Errorf("no field %s among %q", p, paths)
		}
	}
}

// leaf is one value inside an input.
type leaf struct {
	path   string
	change func()
}

func leaves(in *Input) []leaf {
	var out []leaf
	walk(reflect.ValueOf(in).Elem(), "", func() {}, func(l leaf) { out = append(out, l) })
	return out
}

// walk visits the values below v. What lies in a map is a copy, which put takes back.
func walk(v reflect.Value, path string, put func(), visit func(leaf)) {
	switch v.Interface().(type) {
	case diag.Pos, strictyaml.Places, version.Window:
		return
	case time.Time:
		visit(leaf{path, func() { v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second))); put() }})
		return
	case []byte:
		visit(leaf{path, func() { v.Index(v.Len() / 2).SetUint(v.Index(v.Len()/2).Uint() ^ 1); put() }})
		return
	}
	at := func(name any) string {
		if path == "" {
			return fmt.Sprint(name)
		}
		return fmt.Sprint(path, ".", name)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, put, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := at(v.Type().Field(i).Name)
			if v.Type().Field(i).Anonymous {
				name = path
			}
			walk(v.Field(i), name, put, visit)
		}
	case reflect.Slice:
		if v.Len() > 0 { // one stands for all
			walk(v.Index(0), at(0), put, visit)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			walk(e, at(k), func() { v.SetMapIndex(k, e); put() }, visit)
		}
	default:
		visit(leaf{path, func() { change(v); put() }})
	}
}

func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(flip(v.String()))
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	default:
		panic("no change for a " + v.Kind().String())
	}
}

// flip changes the last character, so that digests and names keep their form; an empty text gets one.
func flip(s string) string {
	switch s {
	case "":
		return "x"
	case "apt":
		return "dnf"
	case "dnf":
		return "apt"
	}
	last := byte('0')
	if s[len(s)-1] == last {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}
