#include "llama.h"

#include "ggml-cpu.h"
#include "gguf.h"

#include <algorithm>
#include <cstdio>

static constexpr int n_embd  = 128;
static constexpr int n_layer = 4;

bool llama_model_load(const std::string & path, llama_model & model) {
    gguf_header header;
    if (!gguf_read_header(path.c_str(), &header)) {
        fprintf(stderr, "llama_model_load: error loading model: %s is missing or is no GGUF file\n", path.c_str());
        return false;
    }
    model.path     = path;
    model.size     = header.file_size;
    model.n_params = header.file_size / 2;
    return true;
}

std::string llama_model_desc(const llama_model &) {
    return "mini ?B F16";
}

float llama_decode(int n_tokens, int n_batch, int n_threads) {
    std::vector<float> weights(n_embd * n_embd);
    for (size_t i = 0; i < weights.size(); i++) {
        weights[i] = float(int(i % 7) - 3) / n_embd;
    }
    std::vector<float> state(size_t(n_batch) * n_embd, 1.0f), next(state.size());
    float sum = 0;
    for (int done = 0; done < n_tokens; done += n_batch) {
        const int rows = std::min(n_batch, n_tokens - done);
        for (int il = 0; il < n_layer; il++) {
            ggml_cpu_mul_mat(rows, n_embd, n_embd, state.data(), weights.data(), next.data(), n_threads);
            state.swap(next);
        }
        sum += state[0];
    }
    return sum;
}
