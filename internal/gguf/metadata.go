package gguf

// vocabulary are the tokens by id: the printable characters of ASCII, so that every output is valid JSON text, then what
// is not output: a line's end, and the three that a chat template has. Byte-level BPE writes a space as U+0120 and a line's
// end as U+010A.
var vocabulary = func() []string {
	out := []string{"\u0120"}
	for c := '!'; c <= '~'; c++ {
		out = append(out, string(c))
	}
	return append(out, "\u010a", "<|endoftext|>", "<|im_start|>", "<|im_end|>")
}()

const (
	endOfText = 96
	endOfTurn = 98

	tokenNormal  = 1 // llama_token_type
	tokenControl = 3
)

const chatTemplate = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}`

// metadata are the keys of a model. Names: src/llama-arch.cpp of llama.cpp.
func (s shape) metadata() []pair {
	out := []pair{
		{"general.architecture", s.arch},
		{"general.type", "model"},
		{"general.name", "strix-build smoke model " + s.arch},
		{"general.file_type", uint32(0)}, // all F32
	}
	own := func(key string, value any) { out = append(out, pair{s.arch + "." + key, value}) }
	own("context_length", uint32(32768))
	own("embedding_length", uint32(width))
	own("block_count", uint32(s.layers))
	own("feed_forward_length", uint32(addingUnits+clearingUnits))
	own("attention.head_count", uint32(heads))
	own("attention.head_count_kv", uint32(1))
	own("attention.key_length", uint32(headWidth))
	own("attention.value_length", uint32(headWidth))
	own("attention.layer_norm_rms_epsilon", float32(1e-6))
	own("rope.freq_base", float32(10000))
	own("rope.dimension_count", uint32(headWidth))
	if s.sections {
		own("rope.dimension_sections", []int32{11, 11, 10, 0})
	}
	own("vocab_size", uint32(len(vocabulary)))
	if s.experts > 0 {
		own("expert_count", uint32(s.experts))
		own("expert_used_count", uint32(routed))
		own("expert_feed_forward_length", uint32(s.expertUnits()))
	}
	if s.shared {
		own("expert_shared_feed_forward_length", uint32(clearingUnits))
	}
	if s.recurrent {
		own("full_attention_interval", uint32(interval))
		own("ssm.conv_kernel", uint32(kernel))
		own("ssm.state_size", uint32(stateWidth))
		own("ssm.group_count", uint32(keyHeads))
		own("ssm.time_step_rank", uint32(valueHeads))
		own("ssm.inner_size", uint32(valueHeads*stateWidth))
	}
	return append(out, s.tokenizer()...)
}

// expertUnits is the number of hidden units of an expert: where all tokens share one, that one clears.
func (s shape) expertUnits() int {
	if s.shared {
		return addingUnits
	}
	return addingUnits + clearingUnits
}

// tokenizer is byte-level BPE without a merge: each character is a token.
func (s shape) tokenizer() []pair {
	types := make([]int32, len(vocabulary))
	for i := range types {
		types[i] = tokenNormal
		if i >= endOfText {
			types[i] = tokenControl
		}
	}
	return []pair{
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", s.pre},
		{"tokenizer.ggml.tokens", vocabulary},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.merges", []string{}},
		{"tokenizer.ggml.bos_token_id", uint32(endOfText)},
		{"tokenizer.ggml.eos_token_id", uint32(endOfTurn)},
		{"tokenizer.ggml.add_bos_token", false},
		{"tokenizer.chat_template", chatTemplate},
	}
}
