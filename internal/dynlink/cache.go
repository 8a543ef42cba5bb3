package dynlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
)

// cacheFile is what ldconfig makes for the linker, which reads no ld.so.conf.
const cacheFile = "etc/ld.so.cache"

// cacheMagic begins the format that glibc has written since 2.2, and alone since 2.32 (sysdeps/generic/dl-cache.h).
const cacheMagic = "glibc-ld.so.cache1.1"

type (
	cacheHeader struct {
		Magic          [len(cacheMagic)]byte
		Count, Strings uint32
		Flags          uint32
		Extension      uint32
		_              [3]uint32
	}
	cacheRow struct {
		Flags      int32
		Key, Value uint32 // offsets of the name and of the path, from the header
		OS         uint32
		HWCap      uint64
	}
)

var errCache = errors.New("ld.so.cache is damaged, or of another format")

// readCache returns the paths by name. A name has several where libraries for other machines, or faster ones for some
// processors, are beside the plain one.
func readCache(data string) (map[string][]string, error) {
	var h cacheHeader
	start := strings.Index(data, cacheMagic) // the older format may come before it
	if start < 0 {
		return nil, errCache
	}
	data = data[start:]
	in := bytes.NewReader([]byte(data))
	if err := binary.Read(in, binary.LittleEndian, &h); err != nil {
		return nil, errCache
	}
	var row cacheRow
	if uint64(h.Count)*uint64(binary.Size(row)) > uint64(in.Len()) {
		return nil, errCache
	}
	out := make(map[string][]string, h.Count)
	for range h.Count {
		if err := binary.Read(in, binary.LittleEndian, &row); err != nil {
			return nil, errCache
		}
		name, file := textAt(data, row.Key), textAt(data, row.Value)
		if name == "" || file == "" {
			return nil, errCache
		}
		out[name] = append(out[name], file)
	}
	return out, nil
}

// textAt is the text at an offset, up to a zero byte; "" where there is none.
func textAt(data string, off uint32) string {
	if uint64(off) >= uint64(len(data)) {
		return ""
	}
	text := data[off:min(len(data), int(off)+maxText)]
	text, _, ok := strings.Cut(text, "\x00")
	if !ok {
		return ""
	}
	return text
}
