package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
)

// pair is a key and its value: uint32, int32, float32, bool, string, []string or []int32.
type pair struct {
	key   string
	value any
}

// encode makes the bytes of a file, version 3, of 32-bit floats.
func encode(pairs []pair, tensors []*matrix) []byte {
	w := &writer{}
	w.WriteString(magic)
	w.put(uint32(3))
	w.put(uint64(len(tensors)))
	w.put(uint64(len(pairs)))
	for _, p := range pairs {
		w.text(p.key)
		w.value(p.value)
	}
	offset := 0
	for _, t := range tensors {
		w.text(t.name)
		w.put(uint32(len(t.dims)))
		for _, d := range t.dims {
			w.put(uint64(d))
		}
		w.put(uint32(typeF32))
		w.put(uint64(offset))
		offset += padded(4 * len(t.data))
	}
	w.pad()
	for _, t := range tensors {
		w.put(t.data)
		w.pad()
	}
	return w.Bytes()
}

const alignment = 32 // bytes, what readers take where general.alignment is not given

func padded(n int) int { return (n + alignment - 1) / alignment * alignment }

type writer struct{ bytes.Buffer }

func (w *writer) put(v any) {
	if floats, ok := v.([]float32); ok { // the bulk of a file
		for _, f := range floats {
			w.Write(binary.LittleEndian.AppendUint32(w.AvailableBuffer(), math.Float32bits(f)))
		}
		return
	}
	_ = binary.Write(w, binary.LittleEndian, v) // a buffer takes everything
}

func (w *writer) pad() { w.Write(make([]byte, padded(w.Len())-w.Len())) }

func (w *writer) text(s string) {
	w.put(uint64(len(s)))
	w.WriteString(s)
}

func (w *writer) value(v any) {
	switch v := v.(type) {
	case string:
		w.put(uint32(kindString))
		w.text(v)
	case []string:
		w.array(kindString, len(v))
		for _, s := range v {
			w.text(s)
		}
	case []int32:
		w.array(kindInt32, len(v))
		w.put(v)
	case uint32:
		w.put(uint32(kindUint32))
		w.put(v)
	case float32:
		w.put(uint32(kindFloat32))
		w.put(v)
	case bool:
		w.put(uint32(kindBool))
		w.put(v)
	default:
		panic("gguf: a value of a type that no model has")
	}
}

func (w *writer) array(k kind, n int) {
	w.put(uint32(kindArray))
	w.put(uint32(k))
	w.put(uint64(n))
}
