package provetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// facts says what the fake computes with, as llama.cpp does while it loads a model.
func (f *fake) facts() {
	if n := f.value("-ngl"); n != "" && n != "0" {
		on := 3
		if f.mode == OnCPU {
			on = 2
		}
		fmt.Fprintf(f.log, "llama_model_load_from_file_impl: using device Fake0 (a fake GPU) (0000:00:00.0) - 1 MiB free\nload_tensors: offloaded %d/3 layers to GPU\n", on)
	}
	splits := 1
	if f.mode == Splits {
		splits = 94
	}
	fmt.Fprintf(f.log, "llama_context: graph splits = %d\n", splits)
}

// perplexity writes logits, or compares with those that were written.
func (f *fake) perplexity(stdout io.Writer) error {
	file := f.value("--kl-divergence-base")
	if !slices.Contains(f.args, "--kl-divergence") {
		return os.WriteFile(file, []byte("logits"), 0o644)
	}
	if _, err := os.Stat(file); err != nil {
		fmt.Fprintf(f.log, "kl_divergence: failed to open %s\n", file)
		return errors.New("exit status 1")
	}
	mean, same := "0.000012", "99.902"
	switch f.mode {
	case Wrong:
		mean, same = "3.141593", "7.500"
	case NaN:
		mean, same = "nan", "0.000"
	}
	fmt.Fprintf(stdout, `====== Perplexity statistics ======
Mean PPL(Q)                   :  12.345678 ±   0.100000
Mean PPL(base)                :  12.340000 ±   0.100000

====== KL divergence statistics ======
Mean    KLD: %10s ±   0.000001
Maximum KLD:   0.010000

====== Token probability statistics ======
Same top p: %s ± 0.100 %%
`, mean, same)
	return nil
}
