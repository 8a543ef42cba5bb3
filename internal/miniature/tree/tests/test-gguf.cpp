#include "gguf.h"

int main(int argc, char ** argv) {
    gguf_header header;
    return argc == 2 && gguf_read_header(argv[1], &header) && header.version == 3 ? 0 : 1;
}
