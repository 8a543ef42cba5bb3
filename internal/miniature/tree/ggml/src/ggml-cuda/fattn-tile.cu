#include "fattn-tile.cuh"

#include <hip/hip_fp16.h>

#ifndef GGML_CUDA_NO_FA
template void flash_attn<__half>(const float *, const __half *, const __half *, float *, int, int, hipStream_t);
#endif
