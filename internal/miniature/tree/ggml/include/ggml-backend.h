// What a backend tells about itself, and the list of those compiled in.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ggml_dev_info {
    char   name[32];         // ROCm0
    char   description[128]; // AMD Radeon 8060S Graphics
    size_t total, free;      // bytes
    bool   gpu;
};

struct ggml_reg {
    const char * name; // ROCm, Vulkan, CPU, RPC
    int  (*dev_count)(void);
    bool (*dev_get)(int index, struct ggml_dev_info * info);
};

size_t                  ggml_backend_reg_count(void);
const struct ggml_reg * ggml_backend_reg_get(size_t index);

// Each in the library of its backend.
const struct ggml_reg * ggml_backend_cpu_reg(void);
const struct ggml_reg * ggml_backend_cuda_reg(void); // HIP goes by CUDA's name inside
const struct ggml_reg * ggml_backend_vk_reg(void);
const struct ggml_reg * ggml_backend_rpc_reg(void);

#ifdef __cplusplus
}
#endif
