package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
)

// Folders and files of a project.
const (
	recipesDir     = "recipes"
	containersDir  = "containers"
	suffix         = ".yaml"
	lockSuffix     = ".lock.yaml"
	flagsFile      = recipesDir + "/flags.yaml"
	tracksFile     = recipesDir + "/tracks.yaml"
	advisoriesFile = recipesDir + "/advisories.yaml"
	policiesFile   = recipesDir + "/policies.yaml"
)

// documents are the files of recipes/ that this program itself reads by name; lock files are told by their suffix.
// Every other YAML file there is a recipe.
var documents = []string{flagsFile, tracksFile, advisoriesFile, policiesFile}

// Recipes lists the recipes of a project by name, sorted.
func Recipes(fsys fs.FS) ([]string, error) {
	names, err := list(fsys, recipesDir)
	return slices.DeleteFunc(names, func(n string) bool {
		return slices.Contains(documents, path.Join(recipesDir, n+suffix)) || strings.HasSuffix(n+suffix, lockSuffix)
	}), err
}

// Containers lists the container definitions of a project by name, sorted.
func Containers(fsys fs.FS) ([]string, error) { return list(fsys, containersDir) }

func list(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err // names the folder
	}
	names := []string{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !e.IsDir() && name != "" && name[0] != '.' {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// LoadRecipe reads recipes/<name>.yaml and checks what the file alone can tell. The error is a *diag.Error with
// every problem; for a name that is not there it lists the recipes, and errors.Is(err, fs.ErrNotExist) holds.
func LoadRecipe(fsys fs.FS, name string) (*Recipe, error) {
	names, err := Recipes(fsys)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, unknown("recipe", name, names)
	}
	return load(fsys, path.Join(recipesDir, name+suffix), func(r *Recipe, c *checker) {
		c.fileName(r.Name, name)
		r.check(c)
	})
}

// LoadContainer reads containers/<name>.yaml; its errors are like LoadRecipe's.
func LoadContainer(fsys fs.FS, name string) (*Container, error) {
	names, err := Containers(fsys)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, unknown("container", name, names)
	}
	return load(fsys, path.Join(containersDir, name+suffix), func(con *Container, c *checker) {
		c.fileName(con.Name, name)
		con.check(c)
	})
}

// LoadFlags reads recipes/flags.yaml. The error is a *diag.Error with every problem.
func LoadFlags(fsys fs.FS) (*Flags, error) {
	return load(fsys, flagsFile, (*Flags).check)
}

// LockFile is the name of a track's lock in a project.
func LockFile(track string) string { return path.Join(recipesDir, track+lockSuffix) }

// LoadLock reads recipes/<track>.lock.yaml. Where there is none, errors.Is(err, fs.ErrNotExist) holds. A lock of a
// newer format is refused as a whole: what it pins cannot be guessed.
func LoadLock(fsys fs.FS, track string) (*Lock, error) {
	if !nameForm.MatchString(track) {
		return nil, problem(diag.Pos{}, "", nil, "%q is not a track's name; %s", track, nameWords)
	}
	file := LockFile(track)
	l, err := load(fsys, file, func(l *Lock, c *checker) {
		if l.Version > LockVersion {
			*c.list = diag.List{newerLock(l, c.file)}
			return
		}
		l.check(c, track)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem(diag.Pos{File: file}, fmt.Sprintf(`"strix-build lock --track %s" writes it`, track),
			fs.ErrNotExist, "no lock for track %q", track)
	}
	return l, err
}

func newerLock(l *Lock, file string) diag.Problem {
	pos := diag.Pos{File: file, Line: 1, Col: 1}
	if p, ok := l.Places["version"]; ok {
		pos = p
	}
	return diag.Problem{Pos: pos, Hint: "update strix-build; to go back, remove the file and lock anew",
		Msg: fmt.Sprintf("lock format %d is newer than this program, which reads up to %d", l.Version, LockVersion)}
}

// load decodes a file and runs its own checks; both kinds of problem come in one error, with the file's text.
func load[T any](fsys fs.FS, file string, check func(*T, *checker)) (*T, error) {
	return strictyaml.Once(fsys, file, func() (*T, error) { return decode(fsys, file, check) })
}

func decode[T any](fsys fs.FS, file string, check func(*T, *checker)) (*T, error) {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err // names the file
	}
	out := new(T)
	problems := strictyaml.Decode(file, data, out)
	check(out, &checker{list: &problems, file: file, clean: len(problems) == 0})
	var e *diag.Error
	if errors.As(problems.Err(), &e) {
		e.AddSource(file, data)
		return nil, e
	}
	return out, nil
}

// unknown is the error for a name that is not among names.
func unknown(what, name string, names []string) error {
	if len(names) == 0 {
		return problem(diag.Pos{}, "", fs.ErrNotExist, "unknown %s %q; this project has none", what, name)
	}
	return problem(diag.Pos{}, "", fs.ErrNotExist, "unknown %s %q; %sthere are %s", what, name,
		didYouMean(name, names), strings.Join(names, ", "))
}

// didYouMean returns `did you mean "x"? `, or "" when nothing is near.
func didYouMean(word string, options []string) string {
	if near := diag.Nearest(word, options); near != "" {
		return fmt.Sprintf("did you mean %q? ", near)
	}
	return ""
}

// problem is a list of one.
func problem(pos diag.Pos, hint string, cause error, format string, a ...any) error {
	var l diag.List
	l.Add(pos, hint, format, a...)
	return &diag.Error{Problems: l, Cause: cause}
}
