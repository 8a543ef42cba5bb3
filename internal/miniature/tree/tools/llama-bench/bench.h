// One test of llama-bench and how it is printed.
#pragma once

#include "llama.h"

#include <cstdint>
#include <string>
#include <vector>

struct bench_params {
    std::string      model  = "models/7B/ggml-model-q4_0.gguf";
    std::string      output = "md";
    std::vector<int> n_prompt, n_gen, n_depth;
    int              reps = 5, n_threads = 0, n_batch = 2048, n_ubatch = 512;
    int              n_gpu_layers = -1, flash_attn = -1, use_mmap = 1;
    bool             warmup = true;
};

struct bench_test {
    int                   n_prompt = 0, n_gen = 0, n_depth = 0;
    std::string           time; // start, RFC 3339
    std::vector<uint64_t> samples_ns;

    std::vector<double> samples_ts() const; // tokens per second
};

// json, jsonl or md on stdout. False for another name.
bool bench_known_output(const std::string & name);
void bench_print(const bench_params & params, const llama_model & model, const std::vector<bench_test> & tests);
