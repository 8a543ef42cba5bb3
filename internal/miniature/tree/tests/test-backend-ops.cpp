// Compares what a device computes with a reference, in the words of llama.cpp's program of this name ("test" mode, console). Only
// CPUs compute here, so every device's products are the CPU's; MUL_MAT_ID is known and supported by none.
#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

struct mul_mat_case {
    int m, n, k;
};

static const std::vector<mul_mat_case> cases = { { 16, 1, 256 }, { 16, 8, 256 }, { 16, 16, 256 }, { 1, 64, 256 } };

static std::string vars(const mul_mat_case & c) {
    char text[128];
    snprintf(text, sizeof text, "type_a=f32,type_b=f32,m=%d,n=%d,k=%d", c.m, c.n, c.k);
    return text;
}

// Normalised mean squared error of the device's product.
static double error_of(const mul_mat_case & c) {
    std::vector<float> a(size_t(c.m) * c.k), b(size_t(c.n) * c.k), out(size_t(c.m) * c.n);
    for (size_t i = 0; i < a.size(); i++) {
        a[i] = float(i % 17) / 17 - 0.5f;
    }
    for (size_t i = 0; i < b.size(); i++) {
        b[i] = float(i % 13) / 13 - 0.5f;
    }
    ggml_cpu_mul_mat(c.m, c.n, c.k, a.data(), b.data(), out.data(), ggml_cpu_threads());
    double wrong = 0, all = 0;
    for (int i = 0; i < c.m; i++) {
        for (int j = 0; j < c.n; j++) {
            double want = 0;
            for (int l = 0; l < c.k; l++) {
                want += double(a[size_t(i) * c.k + l]) * b[size_t(j) * c.k + l];
            }
            const double got = out[size_t(i) * c.n + j];
            wrong += (got - want) * (got - want);
            all += want * want;
        }
    }
    return wrong / all;
}

static bool asked(const std::string & filter, const char * op) {
    return filter.empty() || ("," + filter + ",").find("," + std::string(op) + ",") != std::string::npos;
}

static bool test_backend(const ggml_dev_info & dev, const std::string & ops) {
    const double most = 5e-4;
    std::vector<std::string> failed;
    size_t passed = 0, total = 0;
    for (const auto & c : cases) {
        if (!asked(ops, "MUL_MAT")) {
            break;
        }
        const double err = error_of(c);
        const bool ok = err <= most; // not a number: no
        if (!ok) {
            printf("[MUL_MAT] ERR = %.9f > %.9f ", err, most);
            failed.push_back("MUL_MAT(" + vars(c) + ")");
        }
        printf("  MUL_MAT(%s): %s\n", vars(c).c_str(), ok ? "\033[1;32mOK\033[0m" : "\033[1;31mFAIL\033[0m");
        passed += ok;
        total++;
    }
    if (asked(ops, "MUL_MAT_ID")) {
        printf("  MUL_MAT_ID(%s): not supported [%s] \n", vars(cases[0]).c_str(), dev.name);
    }
    printf("  %zu/%zu tests passed\n", passed, total);
    if (!failed.empty()) {
        printf("\nFailing tests:\n");
    }
    for (const auto & name : failed) {
        printf("  %s\n", name.c_str());
    }
    return passed == total;
}

static int usage(const char * program) {
    printf("Usage: %s [mode] [-o <op,..>] [-b <backend>] [--list-ops]\n", program);
    return 1;
}

static std::vector<ggml_dev_info> devices() {
    std::vector<ggml_dev_info> list;
    for (size_t r = 0; r < ggml_backend_reg_count(); r++) {
        const ggml_reg * reg = ggml_backend_reg_get(r);
        for (int i = 0; i < reg->dev_count(); i++) {
            ggml_dev_info info = {};
            if (reg->dev_get(i, &info)) {
                list.push_back(info);
            }
        }
    }
    return list;
}

int main(int argc, char ** argv) {
    std::string ops, backend;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list-ops") == 0) {
            printf("GGML operations:\n  MUL_MAT\n  MUL_MAT_ID\n\nTotal: 2 operations\n");
            return 0;
        } else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            ops = argv[++i];
        } else if (strcmp(argv[i], "-b") == 0 && i + 1 < argc) {
            backend = argv[++i];
        } else if (strcmp(argv[i], "test") != 0) {
            return usage(argv[0]);
        }
    }
    const auto devs = devices();
    printf("Testing %zu devices\n\n", devs.size());
    size_t n_ok = 0;
    for (size_t i = 0; i < devs.size(); i++) {
        const auto & dev = devs[i];
        printf("Backend %zu/%zu: %s\n", i + 1, devs.size(), dev.name);
        if (backend.empty() ? !dev.gpu : backend != dev.name) {
            printf("  %s\n", backend.empty() ? "Skipping CPU backend" : "Skipping");
            n_ok++;
            continue;
        }
        printf("  Device description: %s\n", dev.description);
        printf("  Device memory: %zu MB (%zu MB free)\n\n", dev.total / 1024 / 1024, dev.free / 1024 / 1024);
        const bool ok = test_backend(dev, ops);
        printf("  Backend %s: %s\n", dev.name, ok ? "\033[1;32mOK\033[0m" : "\033[1;31mFAIL\033[0m");
        n_ok += ok;
    }
    printf("%zu/%zu backends passed\n", n_ok, devs.size());
    printf("%s\n", n_ok == devs.size() ? "\033[1;32mOK\033[0m" : "\033[1;31mFAIL\033[0m");
    return n_ok == devs.size() ? 0 : 1;
}
