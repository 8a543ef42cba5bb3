package graph

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// node is one op of a definition with its inputs resolved to positions in the list.
type node struct {
	op     *pb.Op
	name   string
	inputs []string // "#3.1": output 1 of op 3
}

func nodes(ctx context.Context, st llb.State) ([]node, error) {
	def, err := Marshal(ctx, st)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	var out []node
	for i, dt := range def.Def {
		var op pb.Op
		if err := proto.Unmarshal(dt, &op); err != nil {
			return nil, err
		}
		d := digest.FromBytes(dt)
		index[string(d)] = i
		n := node{op: &op, name: def.Metadata[d].Description["llb.customname"]}
		for _, in := range op.Inputs {
			n.inputs = append(n.inputs, fmt.Sprintf("#%d.%d", index[in.Digest], in.Index))
		}
		out = append(out, n)
	}
	return out, nil
}

// Text writes the graph of st one op a paragraph, in an order that only its content decides.
func Text(ctx context.Context, w io.Writer, st llb.State) error {
	ns, err := nodes(ctx, st)
	if err != nil {
		return err
	}
	for i, n := range ns {
		if n.op.Op == nil { // the last op only names the result
			fmt.Fprintf(w, "#%d result %s\n", i, strings.Join(n.inputs, " "))
			continue
		}
		fmt.Fprintf(w, "#%d %s\n", i, n.name)
		for _, l := range n.lines() {
			fmt.Fprintf(w, "    %s\n", l)
		}
	}
	return nil
}

// Dot writes the graph of st for graphviz.
func Dot(ctx context.Context, w io.Writer, st llb.State) error {
	ns, err := nodes(ctx, st)
	if err != nil {
		return err
	}
	fmt.Fprint(w, "digraph {\n  rankdir=LR\n  node [shape=box fontname=\"sans-serif\"]\n")
	for i, n := range ns {
		if n.op.Op == nil {
			continue
		}
		label := n.name
		if label == "" {
			label = n.kind()
		}
		fmt.Fprintf(w, "  n%d [label=%q]\n", i, label)
		drawn := map[string]bool{} // several outputs of one op are one arrow
		for _, in := range n.inputs {
			from, _, _ := strings.Cut(strings.TrimPrefix(in, "#"), ".")
			if !drawn[from] {
				fmt.Fprintf(w, "  n%s -> n%d\n", from, i)
			}
			drawn[from] = true
		}
	}
	_, err = fmt.Fprint(w, "}\n")
	return err
}

func (n node) kind() string {
	switch n.op.Op.(type) {
	case *pb.Op_Source:
		return "source"
	case *pb.Op_Exec:
		return "exec"
	case *pb.Op_File:
		return "file"
	case *pb.Op_Merge:
		return "merge"
	case *pb.Op_Diff:
		return "diff"
	}
	return "op"
}

func (n node) lines() []string {
	switch op := n.op.Op.(type) {
	case *pb.Op_Source:
		return append([]string{"source " + op.Source.Identifier}, attrs(op.Source.Attrs)...)
	case *pb.Op_Exec:
		return n.exec(op.Exec)
	case *pb.Op_File:
		return n.file(op.File)
	case *pb.Op_Diff:
		return []string{"diff " + strings.Join(n.inputs, " ")}
	}
	return []string{n.kind() + " " + strings.Join(n.inputs, " ")}
}

func attrs(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, "attr "+k+"="+m[k])
	}
	return out
}

func (n node) exec(e *pb.ExecOp) []string {
	out := []string{fmt.Sprintf("exec %q network=%s cwd=%s", e.Meta.Args, e.Network, e.Meta.Cwd)}
	for _, v := range e.Meta.Env {
		out = append(out, "env "+v)
	}
	for _, m := range e.Mounts {
		out = append(out, n.mount(m))
	}
	return out
}

func (n node) mount(m *pb.Mount) string {
	from := "scratch"
	if m.Input >= 0 {
		from = n.inputs[m.Input]
	}
	s := fmt.Sprintf("mount %s from %s", m.Dest, from)
	if m.Selector != "" {
		s += " at " + m.Selector
	}
	switch {
	case m.CacheOpt != nil:
		s += fmt.Sprintf(" cache=%s,%s", m.CacheOpt.ID, m.CacheOpt.Sharing)
	case m.SecretOpt != nil:
		s += " secret=" + m.SecretOpt.ID
	case m.Readonly:
		s += " ro"
	}
	if m.Output >= 0 && m.SecretOpt == nil {
		s += fmt.Sprintf(" out=%d", m.Output)
	}
	return s
}

func (n node) file(f *pb.FileOp) []string {
	var out []string
	ref := func(i int64) string {
		switch {
		case i < 0:
			return "scratch"
		case int(i) < len(n.inputs):
			return n.inputs[i]
		}
		return fmt.Sprintf("action %d", int(i)-len(n.inputs))
	}
	for _, a := range f.Actions {
		switch act := a.Action.(type) {
		case *pb.FileAction_Copy:
			s := fmt.Sprintf("copy %s:%s to %s", ref(a.SecondaryInput), act.Copy.Src, act.Copy.Dest)
			if len(act.Copy.ExcludePatterns) > 0 {
				s += fmt.Sprintf(" without %q", act.Copy.ExcludePatterns)
			}
			out = append(out, s+" on "+ref(a.Input))
		case *pb.FileAction_Mkfile:
			out = append(out, fmt.Sprintf("mkfile %s %s on %s", act.Mkfile.Path, digest.FromBytes(act.Mkfile.Data), ref(a.Input)))
		case *pb.FileAction_Mkdir:
			out = append(out, fmt.Sprintf("mkdir %s on %s", act.Mkdir.Path, ref(a.Input)))
		case *pb.FileAction_Symlink:
			out = append(out, fmt.Sprintf("symlink %s to %s", act.Symlink.Newpath, act.Symlink.Oldpath))
		case *pb.FileAction_Rm:
			out = append(out, fmt.Sprintf("rm %s on %s", act.Rm.Path, ref(a.Input)))
		}
	}
	return out
}
