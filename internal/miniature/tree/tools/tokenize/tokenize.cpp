#include "common.h"

#include <cstdio>

int main(int argc, char ** argv) {
    common_params params;
    if (!common_params_parse(argc, argv, params)) {
        return 1;
    }
    for (int c = getchar(); c != EOF; c = getchar()) {
        printf("%d\n", c);
    }
    return 0;
}
