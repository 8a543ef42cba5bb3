#include "ggml-cpu.h"

#include "ggml-backend.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

void ggml_cpu_mul_mat(int m, int n, int k, const float * a, const float * b, float * c, int n_threads) {
    (void) n_threads; // without OpenMP
#pragma omp parallel for num_threads(n_threads) if (n_threads > 1 && m > 1)
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int l = 0; l < k; l++) {
                sum += a[i * k + l] * b[j * k + l];
            }
            c[i * n + j] = sum;
        }
    }
}

int ggml_cpu_threads(void) {
    return std::max(1, int(std::thread::hardware_concurrency()));
}

static std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        const size_t colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
            return line.substr(colon + 2);
        }
    }
    return "CPU";
}

static int dev_count() {
    return 1;
}

static bool dev_get(int, ggml_dev_info * info) {
    snprintf(info->name, sizeof info->name, "CPU");
    snprintf(info->description, sizeof info->description, "%s", cpu_model().c_str());
    return true;
}

const ggml_reg * ggml_backend_cpu_reg(void) {
    static const ggml_reg reg = { "CPU", dev_count, dev_get };
    return &reg;
}
