#include "llama.h"

#include <cstdio>

int main() {
    printf("%g\n", double(llama_decode(8, 1, 1)));
    return 0;
}
