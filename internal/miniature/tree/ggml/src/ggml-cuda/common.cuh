// What all HIP files of the miniature share. The folder is called ggml-cuda because llama.cpp's HIP build lives there.
#pragma once

#include <hip/hip_runtime.h>

#include <cstdint>

static constexpr int WARP_SIZE = 32; // RDNA

// 32 weights of eight bits and their scale.
struct block_q8_0 {
    float  d;
    int8_t qs[32];
};

// Dot product of four pairs of signed bytes, added to sum.
static __device__ __forceinline__ int dot4(int a, int b, int sum) {
    const int8_t * pa = (const int8_t *) &a;
    const int8_t * pb = (const int8_t *) &b;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        sum += pa[i] * pb[i];
    }
    return sum;
}
