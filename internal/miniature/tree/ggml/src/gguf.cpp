#include "gguf.h"

#include <cstdio>
#include <cstring>

// magic "GGUF", version, number of tensors, number of key-value pairs; little-endian
bool gguf_read_header(const char * path, gguf_header * header) {
    FILE * f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    char magic[4];
    bool ok = fread(magic, 4, 1, f) == 1 && memcmp(magic, "GGUF", 4) == 0 &&
              fread(&header->version, sizeof header->version, 1, f) == 1 &&
              fread(&header->n_tensors, sizeof header->n_tensors, 1, f) == 1 &&
              fread(&header->n_kv, sizeof header->n_kv, 1, f) == 1 && fseek(f, 0, SEEK_END) == 0;
    if (ok) {
        header->file_size = uint64_t(ftell(f));
    }
    fclose(f);
    return ok;
}
