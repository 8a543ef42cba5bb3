#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// c[m][n] = a[m][k] * b[n][k], all row-major.
void ggml_cpu_mul_mat(int m, int n, int k, const float * a, const float * b, float * c, int n_threads);

int ggml_cpu_threads(void);

#ifdef __cplusplus
}
#endif
