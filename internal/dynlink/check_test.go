package dynlink

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree reads a tree of lines: "path: WORDS; WORDS" is an ELF file, "path -> to" a link, "path = text" one of the linker's files,
// "path !" a damaged ELF file.
func tree(t *testing.T, text string) *Tree {
	t.Helper()
	out := NewTree()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, to, ok := strings.Cut(line, " -> "); ok {
			out.Links[name] = to
		} else if name, ok := strings.CutSuffix(line, " !"); ok {
			out.Damaged[name] = errors.New("ends early")
		} else if name, content, ok := strings.Cut(line, " = "); ok {
			out.Setup[name] = strings.ReplaceAll(content, "; ", "\n")
		} else if name, words, ok := strings.Cut(line, ":"); ok {
			f, err := read(elfFile(t, strings.ReplaceAll(words, ";", "\n")))
			if err != nil {
				t.Fatal(err)
			}
			out.Files[name] = f
		}
	}
	return out
}

// cacheOf is an ld.so.cache of one row.
func cacheOf(name, file string) string {
	le := binary.LittleEndian
	const header, row = 48, 24
	out := []byte(cacheMagic)
	out = le.AppendUint32(out, 1)
	out = le.AppendUint32(out, uint32(len(name)+len(file)+2))
	out = append(out, make([]byte, header-len(out))...)
	out = le.AppendUint32(out, 0x0303)
	out = le.AppendUint32(out, header+row)
	out = le.AppendUint32(out, uint32(header+row+len(name)+1))
	out = append(out, make([]byte, 12)...)
	return string(out) + name + "\x00" + file + "\x00"
}

// TestCheck: where a library is found, and what is said where it is not.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, tree string
		env        []string
		want       []string
	}{
		{name: "all there", tree: `
			usr/local/bin/a: needs libx.so.1; needs libc.so.6; runpath $ORIGIN/../lib; wants libc.so.6 GLIBC_2.38
			usr/local/lib/libx.so.1.2: needs libc.so.6
			usr/local/lib/libx.so.1 -> libx.so.1.2
			usr/lib/x86_64-linux-gnu/libc.so.6: defines GLIBC_2.2.5; defines GLIBC_2.38
			lib -> usr/lib`},
		{name: "a library of a library", tree: `
			usr/local/bin/a: needs libx.so.1; runpath /usr/local/lib
			usr/local/lib/libx.so.1: needs libhip.so.7`,
			want: []string{"usr/local/lib/libx.so.1 needs libhip.so.7, which is not there"}},
		{name: "a version", tree: `
			usr/local/bin/a: needs libc.so.6; wants libc.so.6 GLIBC_2.38; wants libc.so.6 GLIBC_2.99; wants libc.so.6 GLIBC_3 weak
			lib/libc.so.6: defines GLIBC_2.38`,
			want: []string{"usr/local/bin/a needs version GLIBC_2.99 of libc.so.6, which lib/libc.so.6 has not"}},
		{name: "a library without versions serves all", tree: `
			usr/local/bin/a: needs libc.so.6; wants libc.so.6 GLIBC_2.38
			lib/libc.so.6: name libc.so.6`},
		{name: "the interpreter", tree: `
			usr/local/bin/a: interpreter /lib64/ld-linux-x86-64.so.2`,
			want: []string{"usr/local/bin/a needs /lib64/ld-linux-x86-64.so.2, which is not there"}},
		{name: "the interpreter is a library too", tree: `
			usr/local/bin/a: interpreter /opt/ld.so.2; needs ld-linux.so.2; wants ld-linux.so.2 GLIBC_2.3
			opt/ld.so.2: name ld-linux.so.2; defines GLIBC_2.3`},
		{name: "RUNPATH is not for those behind", tree: `
			usr/local/bin/a: needs libx.so.1; runpath $ORIGIN/../lib
			usr/local/lib/libx.so.1: needs liby.so.1
			usr/local/lib/liby.so.1: name liby.so.1`,
			want: []string{"usr/local/lib/libx.so.1 needs liby.so.1, which is not there"}},
		{name: "RPATH is", tree: `
			usr/local/bin/a: needs libx.so.1; rpath ${ORIGIN}/../lib
			usr/local/lib/libx.so.1: needs liby.so.1
			usr/local/lib/liby.so.1: name liby.so.1`},
		{name: "RPATH does not count beside RUNPATH", tree: `
			usr/local/bin/a: needs libx.so.1; rpath /opt; runpath /usr/local/lib
			opt/libx.so.1: name libx.so.1`,
			want: []string{"usr/local/bin/a needs libx.so.1, which is not there"}},
		{name: "what is loaded serves those behind", tree: `
			usr/local/bin/a: needs libx.so.1; needs liby.so.1; runpath $ORIGIN/../lib
			usr/local/lib/libx.so.1: needs liby.so.1; needs libz.so.1
			usr/local/lib/liby.so.1: name libz.so.1`},
		{name: "LD_LIBRARY_PATH", env: []string{"HOME=/", "LD_LIBRARY_PATH=/opt/rocm/lib:/nowhere"}, tree: `
			usr/local/bin/a: needs libx.so.1
			opt/rocm/lib/libx.so.1: name libx.so.1`},
		{name: "ld.so.conf", tree: `
			usr/local/bin/a: needs libx.so.1; needs liby.so.1; needs libz.so.1
			opt/a/libx.so.1: name libx.so.1
			opt/b/liby.so.1: name liby.so.1
			opt/c/libz.so.1: name libz.so.1
			etc/ld.so.conf = # folders; include ld.so.conf.d/*.conf; /opt/a # the first; include /etc/ld.so.conf
			etc/ld.so.conf.d/b.conf = /opt/b:/opt/d, /opt/c
			etc/ld.so.conf.d/b.conf.old = /opt/e`},
		{name: "a file that is not included", tree: `
			usr/local/bin/a: needs libx.so.1
			opt/a/libx.so.1: name libx.so.1
			etc/ld.so.conf.d/a.conf = /opt/a`,
			want: []string{"usr/local/bin/a needs libx.so.1, which is not there"}},
		{name: "another machine's are passed over", tree: `
			usr/local/bin/a: needs libx.so.1; runpath /opt/arm:/opt/32:/opt/own
			opt/arm/libx.so.1: machine aarch64
			opt/32/libx.so.1: class 32
			opt/own/libx.so.1: name libx.so.1`},
		{name: "another machine's alone", tree: `
			usr/local/bin/a: needs libx.so.1; runpath /opt/arm
			opt/arm/libx.so.1: machine aarch64`,
			want: []string{"usr/local/bin/a needs libx.so.1, which is not there"}},
		{name: "damaged", tree: `
			usr/local/bin/a: needs libx.so.1; needs liby.so.1; runpath /usr/local/lib:/opt
			usr/local/lib/libx.so.1 !
			opt/liby.so.1 -> y
			opt/y !`,
			want: []string{
				"usr/local/bin/a needs libx.so.1, which is not there: usr/local/lib/libx.so.1: ends early",
				"usr/local/bin/a needs liby.so.1, which is not there: opt/y: ends early",
				"usr/local/lib/libx.so.1: ends early",
			}},
		{name: "links of folders, up and in circles", tree: `
			usr/local/bin/a: needs libx.so.1; needs liby.so.1; runpath /opt/one/lib:/loop/x
			opt/one -> ../opt/two
			opt/two -> /srv/../srv/three
			srv/three/lib/libx.so.1 -> ../../../srv/x
			srv/x: name libx.so.1
			loop -> loop`,
			want: []string{"usr/local/bin/a needs liby.so.1, which is not there"}},
		{name: "a layer that writes through a link", tree: `
			lib -> usr/lib
			usr/local -> ../var/local
			usr/local/bin/a: needs libx.so.1; needs liby.so.1
			lib/libx.so.1.2: name libx.so.1
			lib/libx.so.1 -> libx.so.1.2`,
			want: []string{"var/local/bin/a needs liby.so.1, which is not there"}},
		{name: "a link that leads nowhere", tree: `
			usr/local/bin/a: needs libx.so.1
			usr/lib/libx.so.1 -> libx.so.1.2`,
			want: []string{"usr/local/bin/a needs libx.so.1, which is not there"}},
		{name: "origin is where a library was found", tree: `
			usr/local/bin/a: needs libx.so.1; runpath /opt/lib
			opt/lib/libx.so.1 -> /srv/libx.so
			srv/libx.so: needs liby.so.1; runpath $ORIGIN
			opt/lib/liby.so.1: name liby.so.1`},
		{name: "LIB and PLATFORM", tree: `
			usr/local/bin/a: needs libx.so.1; runpath /opt/$LIB/${PLATFORM}
			opt/lib64/x86_64/libx.so.1: name libx.so.1`},
		{name: "a plugin that nothing loads", tree: `
			usr/local/bin/a: needs libc.so.6
			lib64/libc.so.6: name libc.so.6
			usr/local/lib/libplugin.so: needs libx.so.1`,
			want: []string{"usr/local/lib/libplugin.so needs libx.so.1, which is not there"}},
		{name: "a 32-bit program", tree: `usr/local/bin/a: class 32`,
			want: []string{"usr/local/bin/a: no 64-bit little-endian ELF file; nothing can be said of it"}},
		{name: "others' programs are theirs", tree: `usr/bin/a: needs libx.so.1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := tree(t, test.tree).Check("usr/local", test.env)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range r.Problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestCacheIsTheLinkers: with a cache, ld.so.conf says nothing, as the linker reads none.
func TestCacheIsTheLinkers(t *testing.T) {
	t.Parallel()
	x := tree(t, `
		usr/local/bin/a: needs libx.so.1; needs liby.so.1
		usr/local/lib/libx.so.1: name libx.so.1
		opt/lib/liby.so.1: name liby.so.1
		etc/ld.so.conf = /usr/local/lib; /opt/lib`)
	check := func() string {
		r, err := x.Check("usr/local", nil)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, p := range r.Problems {
			text = append(text, p.String())
		}
		return strings.Join(text, "; ")
	}
	if got := check(); got != "" {
		t.Errorf("without a cache: %s", got)
	}
	x.Setup[cacheFile] = "ld.so-1.7.0, the old format" + cacheOf("liby.so.1", "/opt/lib/liby.so.1")
	if got, want := check(), "usr/local/bin/a needs libx.so.1, which is not there"; got != want {
		t.Errorf("with a cache: %s, want %s", got, want)
	}
	x.Setup[cacheFile] = cacheOf("liby.so.1", "/opt/lib/liby.so.1")[:60]
	if got := check(); got != "" {
		t.Errorf("with a damaged cache: %s", got)
	}
}

func TestReportCounts(t *testing.T) {
	t.Parallel()
	r, err := tree(t, `
		usr/local/bin/a: interpreter /lib/ld.so; needs libx.so.1
		usr/local/bin/b: interpreter /lib/ld.so; needs libx.so.1
		lib/ld.so: name ld.so
		lib/libx.so.1: name libx.so.1
		usr/local/lib/libplugin.so: name libplugin.so`).Check("usr/local", nil)
	if err != nil || r.Programs != 2 || r.Libraries != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}
