package gguf

import "strconv"

// open is silu(8), what a gate of the constant lets through.
const open = 7.99731719

// Numbers of hidden units.
const (
	addingUnits   = 8 * len(frequencies)
	clearingUnits = 2 * codeWidth
)

// unit is a hidden unit of a gated feed-forward network.
type unit struct {
	gate, up int             // places of the stream it multiplies: silu(scale*x[gate]) * x[up]
	scale    float32         // of the gate
	down     map[int]float32 // what it adds, by place
}

// feedForward adds a layer's network: the running sum becomes sum + read, and read is cleared.
func (b *builder) feedForward(i int) {
	name := "ffn_norm.weight"
	if b.recurrent {
		name = "post_attention_norm.weight"
	}
	b.norm(layerName(i, name), true)
	rest := clearing()
	switch {
	case b.experts == 0:
		b.network(i, "", append(adding(0, 1), rest...))
	case b.shared:
		b.expertLayer(i, nil)
		b.layer(i, "ffn_gate_inp_shexp.weight", width).set(0, atConst, 2)
		b.network(i, "_shexp", rest)
	default:
		b.expertLayer(i, rest)
	}
}

// expertLayer adds experts that each add a number of their own besides, and the router. The class of the token decides for a
// first and a second expert; the first has 92 % of the weight.
func (b *builder) expertLayer(i int, rest []unit) {
	router := b.layer(i, "ffn_gate_inp.weight", width, b.experts)
	order, offsets := shuffled(classes, b.arch, layerName(i, "experts")), shuffled(modulus, b.arch, layerName(i, "offsets"))
	for c := range classes {
		router.set(order[c]%b.experts, atClass+c, 5.0/high)
		router.set((order[c]+1)%b.experts, atClass+c, 2.5/high)
	}
	var units [][]unit
	for e := range b.experts {
		units = append(units, append(adding(offsets[e], 1.07), rest...))
	}
	n := len(units[0])
	gate, up := b.layer(i, "ffn_gate_exps.weight", width, n, b.experts), b.layer(i, "ffn_up_exps.weight", width, n, b.experts)
	down := b.layer(i, "ffn_down_exps.weight", n, width, b.experts)
	for e, list := range units {
		wire(list, gate, up, down, e)
	}
}

// network adds a network of the given units.
func (b *builder) network(i int, suffix string, units []unit) {
	n := len(units)
	gate, up := b.layer(i, "ffn_gate"+suffix+".weight", width, n), b.layer(i, "ffn_up"+suffix+".weight", width, n)
	wire(units, gate, up, b.layer(i, "ffn_down"+suffix+".weight", n, width), 0)
}

// wire sets the weights of expert e's units.
func wire(units []unit, gate, up, down *matrix, e int) {
	for u, it := range units {
		gate.set(e*len(units)+u, it.gate, it.scale)
		up.set(e*len(units)+u, it.up, 1)
		for place, v := range it.down {
			down.set(e*width+place, u, v)
		}
	}
}

// adding are the units that multiply the codes of sum and read, turned by a number and lengthened by gain:
// silu(2x)*y - silu(-2x)*y is 2xy.
func adding(number int, gain float32) []unit {
	var out []unit
	for f, freq := range frequencies {
		cos, sin := turn(freq*number, modulus)
		for p := range 4 {
			x, y := p/2, p%2 // cos or sin of sum, of read
			re, im := [4]float32{1, 0, 0, -1}[p], [4]float32{0, 1, 1, 0}[p]
			turned := [2]float32{float32(re*cos) - float32(im*sin), float32(re*sin) + float32(im*cos)}
			for _, sign := range []float32{1, -1} {
				down := map[int]float32{atSum + 2*f: float32(sign * gain * turned[0] / 2), atSum + 2*f + 1: float32(sign * gain * turned[1] / 2)}
				out = append(out, unit{atSum + 2*f + x, atRead + 2*f + y, 2 * sign, down})
			}
		}
	}
	return out
}

// clearing are the units that take the old sum and the read away.
func clearing() []unit {
	var out []unit
	for j := range clearingUnits {
		out = append(out, unit{atConst, atSum + j, 2, map[int]float32{atSum + j: -1 / open}})
	}
	return out
}

func layerName(i int, name string) string { return "blk." + strconv.Itoa(i) + "." + name }
