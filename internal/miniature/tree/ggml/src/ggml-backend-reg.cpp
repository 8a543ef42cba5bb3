#include "ggml-backend.h"

#include <vector>

static const std::vector<const ggml_reg *> & regs() {
    static const std::vector<const ggml_reg *> list = {
#ifdef GGML_USE_HIP
        ggml_backend_cuda_reg(),
#endif
#ifdef GGML_USE_VULKAN
        ggml_backend_vk_reg(),
#endif
#ifdef GGML_USE_RPC
        ggml_backend_rpc_reg(),
#endif
#ifdef GGML_USE_CPU
        ggml_backend_cpu_reg(),
#endif
    };
    return list;
}

size_t ggml_backend_reg_count(void) {
    return regs().size();
}

const ggml_reg * ggml_backend_reg_get(size_t index) {
    return regs().at(index);
}
