package main

import (
	"bytes"
	"os"
	"testing"
)

// TestProofOfRealPrograms proves a dense model with the llama-server of $STRIX_LLAMA_BIN, which is of build $STRIX_LLAMA_BUILD:
// every build so far drafts for it without a fault.
func TestProofOfRealPrograms(t *testing.T) {
	t.Parallel()
	bin, number := os.Getenv("STRIX_LLAMA_BIN"), os.Getenv("STRIX_LLAMA_BUILD")
	if bin == "" || number == "" {
		t.Skip("set STRIX_LLAMA_BIN=DIR and STRIX_LLAMA_BUILD=bN for a proof with real programs")
	}
	var out, said bytes.Buffer
	args := []string{"prove", "spec", "--bin", bin, "--build", number, "--model", "llama", "--accept", "0.8", "--prompts", "12", "--tokens", "64"}
	if code := run(t.Context(), args, streams{nil, &out, &said}); code != exitDone {
		t.Errorf("exit code %d\n%s%s", code, out.String(), said.String())
	}
}
