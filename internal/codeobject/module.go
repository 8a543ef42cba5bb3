package codeobject

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/sourcegraph/conc/pool"
)

// Module is the kernels of one code object.
type Module struct {
	Bundle  int    // number of the bundle in the file
	ID      string // of the bundle's entry; empty for a code object that is a file of its own
	Target  Target
	Kernels []Kernel // in the metadata's order
}

// ErrNoCode says that a file is of no kind that holds GPU code: no 64-bit ELF file and no offload bundle.
var ErrNoCode = errors.New("neither a 64-bit ELF file nor an offload bundle")

// Modules reads the kernels of every code object of a file: a HIP library, offload bundles, or one code object. A library
// without GPU code has none. Bundles are read beside one another, each only as far as its kernels are described: neither
// hashes nor machine code are looked at.
func Modules(ctx context.Context, r io.ReaderAt, size int64) ([]Module, error) {
	var head [len(plainMagic)]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch magic := string(head[:n]); {
	case isBundle(magic):
		return modulesIn(ctx, new(codec), r, 0, size)
	case n < elf.EI_NIDENT || magic[:4] != elf.ELFMAG, head[elf.EI_CLASS] != byte(elf.ELFCLASS64), head[elf.EI_DATA] != byte(elf.ELFDATA2LSB):
		return nil, ErrNoCode
	}
	l, err := newLibrary(r, size)
	if err != nil {
		return nil, err
	}
	if elf.Machine(l.img.header.Machine) == elf.EM_AMDGPU {
		var m Module
		err := m.read(r, size)
		return []Module{m}, err
	}
	if l.fat < 0 {
		return nil, nil
	}
	s := l.img.sections[l.fat]
	return modulesIn(ctx, &l.codec, r, int64(s.Off), int64(s.Off+s.Size))
}

func isBundle(magic string) bool {
	return magic == plainMagic || len(magic) >= len(compressedMagic) && magic[:len(compressedMagic)] == compressedMagic
}

// modulesIn reads the bundles between two offsets.
func modulesIn(ctx context.Context, c *codec, r io.ReaderAt, from, to int64) ([]Module, error) {
	var tables []*Bundle
	for b, err := range bundlesIn(c, r, from, to) {
		if err != nil {
			return nil, err
		}
		tables = append(tables, b)
	}
	found := make([][]Module, len(tables))
	work := pool.New().WithMaxGoroutines(runtime.GOMAXPROCS(0)).WithContext(ctx).WithCancelOnError().WithFirstError()
	for i, b := range tables {
		work.Go(func(ctx context.Context) (err error) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			found[i], err = b.modules(i)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// modules reads the kernels of a bundle's code objects.
func (b *Bundle) modules(number int) ([]Module, error) {
	var all []Module
	err := b.peek(func(e Entry, r io.ReaderAt) error {
		m := Module{Bundle: number, ID: e.ID, Target: e.Target}
		if err := m.read(r, e.Size); err != nil {
			return fmt.Errorf("entry %q: %w", e.ID, err)
		}
		all = append(all, m)
		return nil
	})
	if err != nil {
		return nil, at(b.Offset, truncated(err))
	}
	return all, nil
}

// peek shows visit the code objects of GPUs in the order of their offsets. Of a compressed bundle just that is unpacked
// which visit reads, and what lies before it.
func (b *Bundle) peek(visit func(Entry, io.ReaderAt) error) error {
	content, err := b.content()
	if err != nil {
		return err
	}
	defer content.Close()
	var pos int64
	for _, e := range byOffset(b.Entries) {
		if e.Target == "" || e.Target == spirvTarget || e.Size == 0 {
			continue
		}
		if !b.Compressed {
			if err := visit(e, io.NewSectionReader(b.r, b.Offset+e.Offset, e.Size)); err != nil {
				return err
			}
			continue
		}
		if err := skip(content, e.Offset-pos); err != nil {
			return err
		}
		f := &forward{r: io.LimitReader(content, e.Size)}
		if err := visit(e, f); err != nil {
			return err
		}
		pos = e.Offset + int64(len(f.seen))
	}
	return nil
}

// read takes the kernels of a code object. Its own word for its target must be that of the bundle's entry: the runtime
// would load it for another GPU.
func (m *Module) read(r io.ReaderAt, size int64) error {
	img, err := readPrograms(r, size)
	if err != nil {
		return err
	}
	doc, err := img.metadata()
	if err != nil {
		return err
	}
	d, err := describe(doc)
	if err != nil {
		return err
	}
	if d.target != "" && m.Target != "" && d.target != m.Target {
		return fmt.Errorf("its metadata says that it is for %q", d.target)
	}
	m.Target, m.Kernels = cmp.Or(d.target, m.Target), d.kernels
	return nil
}
