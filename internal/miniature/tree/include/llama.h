// The model side of the miniature: a file that starts like a GGUF, and a loop of matrix products that stands for tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct llama_model {
    std::string path;
    uint64_t    size     = 0; // bytes of the file
    uint64_t    n_params = 0; // as if every byte pair were an F16 weight
};

// False, with a line on stderr, when the file is missing or is no GGUF.
bool llama_model_load(const std::string & path, llama_model & model);

std::string llama_model_desc(const llama_model & model);

// Work of n_tokens tokens, n_batch at a time (1: decoding). The result depends on every product, so none is optimised away.
float llama_decode(int n_tokens, int n_batch, int n_threads);
