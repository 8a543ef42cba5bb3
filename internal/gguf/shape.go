package gguf

// shape is what differs between the smoke models. All are 128 wide with 2 query heads on 1 key head of 64.
type shape struct {
	arch      string
	layers    int
	recurrent bool // three layers of four keep recurrent state
	experts   int  // 0: dense
	shared    bool // an expert that every token takes
	qkNorm    bool
	gated     bool // attention's output has a gate, in the query matrix
	fusedBA   bool // beta and alpha in one matrix
	halves    bool // rotary pairs are (i, i+half); else (i, i+1)
	sections  bool // rotary dimensions are dealt to sections, which text does not tell apart
	pre       string
}

var shapes = []shape{
	{arch: "llama", layers: 4, pre: "gpt-2"},
	{arch: "qwen3moe", layers: 4, experts: 8, qkNorm: true, halves: true, pre: "qwen2"},
	{arch: "qwen35", layers: 8, recurrent: true, qkNorm: true, gated: true, halves: true, sections: true, pre: "qwen2"},
	{arch: "qwen35moe", layers: 8, recurrent: true, experts: 4, shared: true, qkNorm: true, gated: true, halves: true,
		sections: true, pre: "qwen2"},
	{arch: "qwen3next", layers: 8, recurrent: true, experts: 4, shared: true, qkNorm: true, gated: true, halves: true,
		fusedBA: true, pre: "qwen2"},
}

// isRecurrent reports whether a layer keeps recurrent state: all but each fourth.
func (s shape) isRecurrent(layer int) bool { return s.recurrent && (layer+1)%interval != 0 }

// Widths.
const (
	width     = 128 // of the residual stream
	heads     = 2
	headWidth = 64
	interval  = 4 // full_attention_interval

	keyHeads   = 2 // of recurrent layers
	valueHeads = 4
	stateWidth = 32 // of a key and of a value: a head's state is a square of it
	kernel     = 4  // taps of the convolution

	routed = 2 // experts a token takes
)

// Places in the residual stream.
const (
	atConst = 0                   // one constant
	atClass = 1                   // one of 32 is on: the token's class
	atToken = atClass + classes   // the code of the token's number
	atSum   = atToken + codeWidth // the code of the running sum, which begins as the token's number
	atRead  = atSum + codeWidth   // the code of what attention or recurrent state returned
	atSpare = atRead + codeWidth  // random signs by token: weights without a task have an input
)

const (
	classes = 32
	high    = 4.0  // the constant, and a class that is on
	spare   = 0.25 // a spare place
)
