#include "common.cuh"
#include "ggml-backend.h"
#include "mmq.cuh"

#include <hipblas/hipblas.h>
#include <rocblas/rocblas.h>

#include <cstdio>

// Without a GPU there are no devices, but the backend stays in the list, as in llama.cpp.
static int count_devices() {
    int n = 0;
    const hipError_t err = hipGetDeviceCount(&n);
    if (err != hipSuccess) {
        fprintf(stderr, "ggml_cuda_init: failed to initialize ROCm: %s\n", hipGetErrorString(err));
        return 0;
    }
    if (n > 0) {
        rocblas_initialize();
    }
    return n;
}

static int dev_count() {
    static const int n = count_devices();
    return n;
}

static bool dev_get(int index, ggml_dev_info * info) {
    hipDeviceProp_t prop;
    if (hipGetDeviceProperties(&prop, index) != hipSuccess || hipSetDevice(index) != hipSuccess ||
        hipMemGetInfo(&info->free, &info->total) != hipSuccess) {
        return false;
    }
    snprintf(info->name, sizeof info->name, "ROCm%d", index);
    snprintf(info->description, sizeof info->description, "%s", prop.name);
    info->gpu = true;
    return true;
}

const ggml_reg * ggml_backend_cuda_reg(void) {
    static const ggml_reg reg = { "ROCm", dev_count, dev_get };
    return &reg;
}

// Few columns fit a narrow tile; the rest take the widest.
void ggml_cuda_mul_mat_q(const block_q8_0 * x, const block_q8_0 * y, float * dst, int nrows, int ncols, int nblocks,
                         hipStream_t stream) {
    if (ncols <= 16) {
        mul_mat_q_case<16>(x, y, dst, nrows, ncols, nblocks, stream);
    } else {
        mul_mat_q_case<MMQ_X_MAX>(x, y, dst, nrows, ncols, nblocks, stream);
    }
}

// Matrices that are not quantised go to hipBLAS.
bool ggml_cuda_mul_mat_f32(const float * a, const float * b, float * c, int n, hipStream_t stream) {
    const float one = 1, zero = 0;
    hipblasHandle_t handle;
    if (hipblasCreate(&handle) != HIPBLAS_STATUS_SUCCESS) {
        return false;
    }
    hipblasSetStream(handle, stream);
    const hipblasStatus_t status =
        hipblasSgemm(handle, HIPBLAS_OP_N, HIPBLAS_OP_N, n, n, n, &one, a, n, b, n, &zero, c, n);
    hipblasDestroy(handle);
    return status == HIPBLAS_STATUS_SUCCESS;
}
