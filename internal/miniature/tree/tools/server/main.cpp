#include "server.h"

#include "llama.h"

int main(int argc, char ** argv) {
    common_params params;
    llama_model   model;
    if (!common_params_parse(argc, argv, params) ||
        (!params.model.empty() && !llama_model_load(params.model, model))) {
        return 1;
    }
    return server_run(params);
}
