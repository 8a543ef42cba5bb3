// Package gguf reads the header of a GGUF file, and writes small models for tests of speculative decoding.
//
// A header is the magic, the metadata and the table of tensors. Read checks it against the size of the file, so that a
// download that ended early is told from a whole one. Bytes makes a model whose next token is computed exactly from
// attention and recurrent state: any error in a rollback changes the text, a reordered sum does not.
//
// It does not read tensor data, run anything, or know what a server does with a model.
//
// Source of the format: docs/gguf.md of the ggml repository, ggml/src/gguf.cpp and gguf-py/gguf/constants.py of llama.cpp.
package gguf

import "strings"

// Header is what a GGUF file says before its tensor data.
type Header struct {
	Version uint32
	Tensors []Tensor
	Data    uint64 // offset of the tensor data in the file, bytes

	keys   []string
	values map[string]any // uint64, int64, float64, bool, string; arrays as []string or []any
}

// Tensor is a row of the table of tensors.
type Tensor struct {
	Name   string
	Dims   []uint64 // the fastest first, as ggml's ne
	Type   uint32   // ggml_type
	Offset uint64   // bytes from the start of the tensor data
}

// Elements is the number of values in t.
func (t Tensor) Elements() uint64 {
	n := uint64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// Keys are the keys of the metadata, in the order of the file.
func (h *Header) Keys() []string { return h.keys }

// Architecture is general.architecture, or "".
func (h *Header) Architecture() string {
	s, _ := h.String("general.architecture")
	return s
}

// Tokens is the vocabulary, by token id; nil where there is none.
func (h *Header) Tokens() []string {
	t, _ := h.values["tokenizer.ggml.tokens"].([]string)
	return t
}

// Uint is the value of an integer key that is not negative.
func (h *Header) Uint(key string) (uint64, bool) {
	switch v := h.values[key].(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), v >= 0
	}
	return 0, false
}

// String is the value of a text key.
func (h *Header) String(key string) (string, bool) {
	s, ok := h.values[key].(string)
	return s, ok
}

// Params is the number of weights: the elements of all tensors.
func (h *Header) Params() uint64 {
	var n uint64
	for _, t := range h.Tensors {
		n += t.Elements()
	}
	return n
}

// Class is the class that the header's model is of.
func (h *Header) Class() Class {
	if h.Hybrid() {
		return Hybrid
	}
	if n, ok := h.Uint(h.Architecture() + ".expert_count"); ok && n > 0 {
		return MoE
	}
	return Dense
}

// Hybrid reports whether a model has layers with recurrent state besides layers with attention. The keys of the state say
// the first, a tensor of keys for attention the second.
func (h *Header) Hybrid() bool {
	if _, ok := h.Uint(h.Architecture() + ".ssm.state_size"); !ok {
		return false
	}
	for _, t := range h.Tensors {
		if strings.HasPrefix(t.Name, "blk.") && strings.HasSuffix(t.Name, ".attn_k.weight") {
			return true
		}
	}
	return false
}
