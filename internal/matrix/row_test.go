package matrix

import "strix-build/internal/llamabench"

// row is one of llama-bench, as far as a table looks at it.
func row(test string, speed float64) llamabench.Row {
	prompt, gen, depth, err := llamabench.ParseTest(test)
	if err != nil {
		panic(err)
	}
	return llamabench.Row{Prompt: prompt, Gen: gen, Depth: depth, Samples: []int64{int64(float64(prompt+gen) * 1e9 / speed)}, Backends: "ROCm", Build: 9880}
}
