#include "build-info.h"
#include "common.h"
#include "ggml-backend.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifdef LLAMA_USE_OPENSSL
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#endif

static std::vector<ggml_dev_info> devices(bool gpu) {
    std::vector<ggml_dev_info> list;
    for (size_t r = 0; r < ggml_backend_reg_count(); r++) {
        const ggml_reg * reg = ggml_backend_reg_get(r);
        for (int i = 0; i < reg->dev_count(); i++) {
            ggml_dev_info info = {};
            if (reg->dev_get(i, &info) && info.gpu == gpu) {
                list.push_back(info);
            }
        }
    }
    return list;
}

void common_print_devices(const char * none) {
    const auto list = devices(true);
    printf("Available devices:\n");
    if (list.empty() && none) {
        printf("  %s\n", none);
    }
    for (const auto & dev : list) {
        printf("  %s: %s (%zu MiB, %zu MiB free)\n", dev.name, dev.description, dev.total >> 20, dev.free >> 20);
    }
}

std::string common_device_info(bool gpu) {
    std::string text;
    for (const auto & dev : devices(gpu)) {
        text += (text.empty() ? "" : ", ") + std::string(dev.description);
    }
    return text;
}

std::string common_backends() {
    std::string text;
    for (size_t r = 0; r < ggml_backend_reg_count(); r++) {
        const std::string name = ggml_backend_reg_get(r)->name;
        if (name != "CPU" && name != "RPC") {
            text += (text.empty() ? "" : ",") + name;
        }
    }
    return text.empty() ? "CPU" : text;
}

std::string common_tls_version() {
#ifdef LLAMA_USE_OPENSSL
    OPENSSL_init_ssl(0, nullptr);
    return OpenSSL_version(OPENSSL_VERSION);
#else
    return "";
#endif
}

static void print_version() {
    fprintf(stderr, "version: %d (%s)\n", llama_build_number(), llama_commit());
    fprintf(stderr, "built with %s for %s\n", llama_compiler(), llama_build_target());
}

bool common_params_parse(int argc, char ** argv, common_params & params) {
    for (int i = 1; i < argc; i++) {
        const std::string arg   = argv[i];
        const char *      value = i + 1 < argc ? argv[i + 1] : nullptr;
        if (arg == "-h" || arg == "--help") {
            printf("usage: %s [--version] [--list-devices] [-m FILE] [--host HOST] [--port N]\n", argv[0]);
            exit(0);
        } else if (arg == "--version") {
            print_version();
            exit(0);
        } else if (arg == "--list-devices") {
            common_print_devices(nullptr);
            exit(0);
        } else if ((arg == "-m" || arg == "--model") && value) {
            params.model = argv[++i];
        } else if (arg == "--host" && value) {
            params.host = argv[++i];
        } else if (arg == "--port" && value) {
            params.port = atoi(argv[++i]);
        } else {
            fprintf(stderr, "error: invalid argument: %s\n", arg.c_str());
            return false;
        }
    }
    return true;
}
