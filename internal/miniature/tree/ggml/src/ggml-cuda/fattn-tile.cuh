// Attention for one query row a warp, keys taken FATTN_NBATCH_K at a time.
#pragma once

#include "common.cuh"

#ifdef GGML_HIP_ROCWMMA_FATTN
#include <rocwmma/rocwmma-version.hpp>
#endif

// keys kept in LDS at a time
static constexpr int FATTN_NBATCH_K = 128;

// Scores of a head of size D against the keys, with the running maximum and sum that softmax needs.
template <int D, typename T>
static __global__ void flash_attn_tile(const float * __restrict__ q, const T * __restrict__ k, const T * __restrict__ v,
                                       float * __restrict__ dst, int nkeys) {
    __shared__ T keys[FATTN_NBATCH_K][D + 1];
    const float * query = q + blockIdx.x * D;
    float best = -INFINITY, total = 0, out[D / WARP_SIZE] = {};
    for (int k0 = 0; k0 < nkeys; k0 += FATTN_NBATCH_K) {
        const int n = min(FATTN_NBATCH_K, nkeys - k0);
        for (int i = threadIdx.x; i < n * D; i += WARP_SIZE) {
            keys[i / D][i % D] = k[(k0 + i / D) * D + i % D];
        }
        __syncthreads();
        for (int j = 0; j < n; j++) {
            float score = 0;
            for (int d = threadIdx.x; d < D; d += WARP_SIZE) {
                score += query[d] * float(keys[j][d]);
            }
            for (int offset = WARP_SIZE / 2; offset > 0; offset /= 2) {
                score += __shfl_xor(score, offset, WARP_SIZE);
            }
            const float top = fmaxf(best, score), shrink = expf(best - top), weight = expf(score - top);
            for (int d = 0; d < D / WARP_SIZE; d++) {
                out[d] = out[d] * shrink + weight * float(v[(k0 + j) * D + d * WARP_SIZE + threadIdx.x]);
            }
            total = total * shrink + weight;
            best  = top;
        }
        __syncthreads();
    }
    for (int d = 0; d < D / WARP_SIZE; d++) {
        dst[blockIdx.x * D + d * WARP_SIZE + threadIdx.x] = out[d] / total;
    }
}

template <typename T>
void flash_attn(const float * q, const T * k, const T * v, float * dst, int nqueries, int nkeys, hipStream_t stream) {
    flash_attn_tile<64, T><<<nqueries, WARP_SIZE, 0, stream>>>(q, k, v, dst, nkeys);
}
