#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gguf_header {
    uint32_t version;
    uint64_t n_tensors;
    uint64_t n_kv;
    uint64_t file_size;
};

bool gguf_read_header(const char * path, struct gguf_header * header);

#ifdef __cplusplus
}
#endif
