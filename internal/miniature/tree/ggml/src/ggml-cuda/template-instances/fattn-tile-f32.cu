// Only with GGML_CUDA_FA_ALL_QUANTS.
#include "fattn-tile.cuh"

template void flash_attn<float>(const float *, const float *, const float *, float *, int, int, hipStream_t);
