#include "mmq.cuh"

template void mul_mat_q_case<MMQ_X_MAX>(const block_q8_0 *, const block_q8_0 *, float *, int, int, int, hipStream_t);
template void mul_mat_q_case<16>(const block_q8_0 *, const block_q8_0 *, float *, int, int, int, hipStream_t);
