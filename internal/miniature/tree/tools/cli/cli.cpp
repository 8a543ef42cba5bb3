#include "common.h"
#include "ggml-cpu.h"
#include "llama.h"

#include <cstdio>

int main(int argc, char ** argv) {
    common_params params;
    llama_model   model;
    if (!common_params_parse(argc, argv, params) || !llama_model_load(params.model, model)) {
        return 1;
    }
    printf("%s: 16 tokens, sum %g\n", llama_model_desc(model).c_str(), double(llama_decode(16, 1, ggml_cpu_threads())));
    return 0;
}
