// Matrix product of quantised weights, in tiles kept in LDS.
//
// A block of MMQ_NWARPS warps makes a tile of MMQ_Y rows and up to MMQ_X_MAX columns; each thread holds
// (columns / MMQ_NWARPS) * (MMQ_Y / WARP_SIZE) sums in registers. So these three numbers decide VGPRs, LDS and occupancy.
#pragma once

#include "common.cuh"

// columns of the widest tile
static constexpr int MMQ_X_MAX = 128;

// rows of a tile
static constexpr int MMQ_Y = 128;

// warps of a block
static constexpr int MMQ_NWARPS = 8;

template <int mmq_x>
static __global__ void __launch_bounds__(MMQ_NWARPS * WARP_SIZE) mul_mat_q(
        const block_q8_0 * __restrict__ x, const block_q8_0 * __restrict__ y, float * __restrict__ dst,
        int nrows, int ncols, int nblocks) {
    constexpr int stride = 8 + 1; // ints of a block's weights, and one to keep the LDS banks apart
    __shared__ int   tile_x[MMQ_Y * stride];
    __shared__ int   tile_y[mmq_x * stride];
    __shared__ float d_x[MMQ_Y];
    __shared__ float d_y[mmq_x];

    const int row0   = blockIdx.x * MMQ_Y;
    const int col0   = blockIdx.y * mmq_x;
    const int thread = threadIdx.y * WARP_SIZE + threadIdx.x;
    float sum[mmq_x / MMQ_NWARPS][MMQ_Y / WARP_SIZE] = {};

    for (int kb = 0; kb < nblocks; kb++) {
        for (int i = thread; i < MMQ_Y * 8; i += MMQ_NWARPS * WARP_SIZE) {
            const block_q8_0 & b = x[min(row0 + i / 8, nrows - 1) * nblocks + kb];
            tile_x[i / 8 * stride + i % 8] = ((const int *) b.qs)[i % 8];
            d_x[i / 8] = b.d;
        }
        for (int i = thread; i < mmq_x * 8; i += MMQ_NWARPS * WARP_SIZE) {
            const block_q8_0 & b = y[min(col0 + i / 8, ncols - 1) * nblocks + kb];
            tile_y[i / 8 * stride + i % 8] = ((const int *) b.qs)[i % 8];
            d_y[i / 8] = b.d;
        }
        __syncthreads();
#pragma unroll
        for (int j = 0; j < mmq_x / MMQ_NWARPS; j++) {
            const int col = j * MMQ_NWARPS + threadIdx.y;
#pragma unroll
            for (int i = 0; i < MMQ_Y / WARP_SIZE; i++) {
                const int row = i * WARP_SIZE + threadIdx.x;
                int dot = 0;
#pragma unroll
                for (int k = 0; k < 8; k++) {
                    dot = dot4(tile_x[row * stride + k], tile_y[col * stride + k], dot);
                }
                sum[j][i] += d_x[row] * d_y[col] * dot;
            }
        }
        __syncthreads();
    }
    for (int j = 0; j < mmq_x / MMQ_NWARPS; j++) {
        for (int i = 0; i < MMQ_Y / WARP_SIZE; i++) {
            const int row = row0 + i * WARP_SIZE + threadIdx.x;
            const int col = col0 + j * MMQ_NWARPS + threadIdx.y;
            if (row < nrows && col < ncols) {
                dst[col * nrows + row] = sum[j][i];
            }
        }
    }
}

template <int mmq_x>
void mul_mat_q_case(const block_q8_0 * x, const block_q8_0 * y, float * dst, int nrows, int ncols, int nblocks,
                    hipStream_t stream) {
    const dim3 grid((nrows + MMQ_Y - 1) / MMQ_Y, (ncols + mmq_x - 1) / mmq_x);
    mul_mat_q<mmq_x><<<grid, dim3(WARP_SIZE, MMQ_NWARPS), 0, stream>>>(x, y, dst, nrows, ncols, nblocks);
}

extern template void mul_mat_q_case<MMQ_X_MAX>(const block_q8_0 *, const block_q8_0 *, float *, int, int, int, hipStream_t);
extern template void mul_mat_q_case<16>(const block_q8_0 *, const block_q8_0 *, float *, int, int, int, hipStream_t);
