package codeobject

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

const fatbinSection = ".hip_fatbin"

// Library is an open HIP shared library.
type Library struct {
	file  *os.File
	img   *image
	codec codec
	fat   int // index of .hip_fatbin; -1: the library holds no GPU code
}

// Open opens an ELF file. A file that is no ELF file is an error; one without GPU code is not, and has no bundles.
func Open(path string) (*Library, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	l, err := newLibrary(f, st.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	l.file = f
	return l, nil
}

func newLibrary(r io.ReaderAt, size int64) (*Library, error) {
	img, err := readImage(r, size)
	if err != nil {
		return nil, err
	}
	return &Library{img: img, fat: img.section(fatbinSection)}, nil
}

// Close closes the file; bundles read from it can no longer be used.
func (l *Library) Close() error { return l.file.Close() }

// Bundles reads the tables of the library's bundles in the order of the file. After an error it stops.
func (l *Library) Bundles() iter.Seq2[*Bundle, error] {
	return func(yield func(*Bundle, error) bool) {
		if l.fat < 0 {
			return
		}
		s := l.img.sections[l.fat]
		for b, err := range bundlesIn(&l.codec, l.img.r, int64(s.Off), int64(s.Off+s.Size)) {
			if !yield(b, err) {
				return
			}
		}
	}
}

// bundlesIn reads the tables of the bundles between two offsets. After an error it stops.
func bundlesIn(c *codec, r io.ReaderAt, pos, end int64) iter.Seq2[*Bundle, error] {
	return func(yield func(*Bundle, error) bool) {
		for {
			next, err := nextByte(r, pos, end)
			if err != nil {
				yield(nil, err)
				return
			}
			if next == end {
				return
			}
			b, err := readBundle(c, r, next, end-next)
			if !yield(b, err) || err != nil {
				return
			}
			pos = next + b.Size
		}
	}
}

// nextByte skips the zeros linkers put between bundles.
func nextByte(r io.ReaderAt, pos, end int64) (int64, error) {
	buf := make([]byte, 4096)
	for pos < end {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), end-pos)], pos)
		for i, c := range buf[:n] {
			if c != 0 {
				return pos + int64(i), nil
			}
		}
		if n == 0 {
			return 0, truncated(err)
		}
		pos += int64(n)
	}
	return end, nil
}

// bundles collects what Bundles yields; tables are small.
func (l *Library) bundles() ([]*Bundle, error) {
	var all []*Bundle
	for b, err := range l.Bundles() {
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// address of the byte at an offset inside .hip_fatbin.
func (l *Library) address(offset int64) uint64 {
	s := l.img.sections[l.fat]
	return s.Addr + uint64(offset) - s.Off
}

// Targets returns the GPU targets a library holds code for, sorted.
func Targets(path string) ([]Target, error) {
	l, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	bundles, err := l.bundles()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return targetsOf(bundles), nil
}

func targetsOf(bundles []*Bundle) []Target {
	var all []Target
	for _, b := range bundles {
		for _, e := range b.Entries {
			all = append(all, e.Target)
		}
	}
	return targetSet(all)
}

// links returns, for each wrapper, the number of the bundle its pointer leads to, and the pointers by what they point
// to. It fails if a pointer leads anywhere but to a bundle's start, or no pointer leads to a bundle: then a bundle could
// not be moved safely.
func (l *Library) links(bundles []*Bundle) ([]int, []pointer, error) {
	if err := l.img.checkKind(); err != nil {
		return nil, nil, err
	}
	number := map[uint64]int{}
	for i, b := range bundles {
		number[l.address(b.Offset)] = i
	}
	s := l.img.sections[l.fat]
	found, err := l.img.pointers(s.Addr, s.Addr+s.Size)
	if err != nil {
		return nil, nil, err
	}
	byAddress, reached := map[uint64]uint64{}, make([]bool, len(bundles))
	for _, p := range found {
		i, ok := number[p.to]
		switch {
		case ok && p.at != 0:
			reached[i] = true
			byAddress[p.at] = p.to
		case !ok && (p.at != 0 || p.to != s.Addr): // a section symbol stays where the section starts
			return nil, nil, fmt.Errorf("address %#x inside .hip_fatbin is used but is no bundle's start", p.to)
		}
	}
	for i, ok := range reached {
		if !ok {
			return nil, nil, at(bundles[i].Offset, errors.New("no relocation points to it"))
		}
	}
	wrappers, err := l.img.wrappers()
	if err != nil {
		return nil, nil, err
	}
	order := make([]int, len(wrappers))
	for i, w := range wrappers {
		to, ok := byAddress[w]
		if !ok {
			return nil, nil, fmt.Errorf("wrapper %d of .hipFatBinSegment has no relative relocation into .hip_fatbin", i)
		}
		order[i] = number[to]
	}
	return order, found, nil
}
