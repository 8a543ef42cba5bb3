package codeobject

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinylib/msgp/msgp"
)

// Kernel is what the compiler wrote down of one kernel: what it takes of the GPU. The source of each figure is the key of
// the code object's metadata (LLVM, "User Guide for AMDGPU Backend", Code Object V3 to V6 Metadata).
type Kernel struct {
	Symbol string `json:"symbol"` // as mangled; .name

	Wave  int `json:"wave"`  // lanes of a wave, 32 or 64; .wavefront_size
	VGPRs int `json:"vgprs"` // vector registers, of 4 bytes in each lane; .vgpr_count
	SGPRs int `json:"sgprs"` // scalar registers, of 4 bytes in each wave; .sgpr_count

	VGPRSpills int `json:"vgprSpills"` // vector registers stored for want of more, to scratch; .vgpr_spill_count
	SGPRSpills int `json:"sgprSpills"` // scalar ones, mostly to lanes of vector registers; .sgpr_spill_count

	Scratch   int `json:"scratch"`   // bytes of memory a lane has, for spills and arrays; .private_segment_fixed_size
	LDS       int `json:"lds"`       // bytes a workgroup declares; a launch may add to it; .group_segment_fixed_size
	Workgroup int `json:"workgroup"` // lanes of the largest workgroup, by __launch_bounds__; .max_flat_workgroup_size

	DynamicStack bool `json:"dynamicStack,omitempty"` // scratch is more than can be said here; .uses_dynamic_stack
	CUMode       bool `json:"cuMode,omitempty"`       // a workgroup stays on half a WGP; .workgroup_processor_mode is 0
}

// described is a code object's metadata, as far as it is read.
type described struct {
	target  Target // empty before version 4
	kernels []Kernel
}

const metadataMajor = 1 // of amdhsa.version; a minor version only adds keys

// describe reads the metadata document.
func describe(doc []byte) (described, error) {
	var d described
	_, err := eachKey(doc, func(key string, value []byte) (rest []byte, err error) {
		switch key {
		case "amdhsa.version":
			return checkVersion(value)
		case "amdhsa.target":
			var id []byte
			if id, rest, err = msgp.ReadStringZC(value); err != nil {
				return nil, err
			}
			d.target, err = parseID("hip-" + string(id)) // a bundle's id without its first word
			return rest, err
		case "amdhsa.kernels":
			d.kernels, rest, err = readKernels(value)
			return rest, err
		}
		return msgp.Skip(value)
	})
	if err != nil {
		return described{}, fmt.Errorf("metadata: %w", err)
	}
	return d, nil
}

// eachKey calls visit with each key of a map and what follows it; visit returns what follows the value. A map that says
// it is larger than it is ends in an error, not in memory.
func eachKey(doc []byte, visit func(key string, value []byte) ([]byte, error)) ([]byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(doc)
	if err != nil {
		return nil, err
	}
	for range n {
		key, value, err := msgp.ReadStringZC(rest)
		if err != nil {
			return nil, err
		}
		if rest, err = visit(string(key), value); err != nil {
			return nil, fmt.Errorf("%.60q: %w", key, err)
		}
	}
	return rest, nil
}

func checkVersion(value []byte) ([]byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(value)
	if err != nil {
		return nil, err
	}
	for i := range n {
		var v int
		if v, rest, err = readCount(rest); err != nil {
			return nil, err
		}
		if i == 0 && v != metadataMajor {
			return nil, fmt.Errorf("major version %d is not known (%d is)", v, metadataMajor)
		}
	}
	return rest, nil
}

func readKernels(value []byte) ([]Kernel, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(value)
	if err != nil {
		return nil, nil, err
	}
	var all []Kernel
	for range n {
		var k Kernel
		if rest, err = eachKey(rest, k.set); err != nil {
			return nil, nil, err
		}
		if err := k.check(); err != nil {
			return nil, nil, err
		}
		all = append(all, k)
	}
	return all, rest, nil
}

// set takes one value of a kernel's map.
func (k *Kernel) set(key string, value []byte) ([]byte, error) {
	switch key {
	case ".name":
		name, rest, err := msgp.ReadStringZC(value)
		k.Symbol = string(name)
		return rest, err
	case ".uses_dynamic_stack":
		n, rest, err := readFlag(value)
		k.DynamicStack = n
		return rest, err
	case ".workgroup_processor_mode":
		n, rest, err := readFlag(value)
		k.CUMode = !n
		return rest, err
	}
	count := k.count(key)
	if count == nil {
		return msgp.Skip(value)
	}
	n, rest, err := readCount(value)
	*count = n
	return rest, err
}

func (k *Kernel) count(key string) *int {
	switch key {
	case ".wavefront_size":
		return &k.Wave
	case ".vgpr_count":
		return &k.VGPRs
	case ".sgpr_count":
		return &k.SGPRs
	case ".vgpr_spill_count":
		return &k.VGPRSpills
	case ".sgpr_spill_count":
		return &k.SGPRSpills
	case ".private_segment_fixed_size":
		return &k.Scratch
	case ".group_segment_fixed_size":
		return &k.LDS
	case ".max_flat_workgroup_size":
		return &k.Workgroup
	}
	return nil
}

// check refuses a kernel that lacks what every compiler writes: its figures would be zeros that look good.
func (k *Kernel) check() error {
	switch {
	case k.Symbol == "":
		return errors.New("a kernel has no .name")
	case k.Wave != 32 && k.Wave != 64:
		return fmt.Errorf("kernel %.60q: .wavefront_size is %d, not 32 or 64", k.Symbol, k.Wave)
	case k.Workgroup < 1:
		return fmt.Errorf("kernel %.60q: .max_flat_workgroup_size is %d", k.Symbol, k.Workgroup)
	}
	return nil
}

func readCount(value []byte) (int, []byte, error) {
	n, rest, err := msgp.ReadUint64Bytes(value)
	if err == nil && n > math.MaxInt32 {
		err = fmt.Errorf("%d is no plausible number", n)
	}
	if err != nil {
		return 0, nil, err
	}
	return int(n), rest, nil
}

// readFlag takes a truth value; LLVM writes some as 0 and 1.
func readFlag(value []byte) (bool, []byte, error) {
	if msgp.NextType(value) == msgp.BoolType {
		return msgp.ReadBoolBytes(value)
	}
	n, rest, err := readCount(value)
	return n != 0, rest, err
}
