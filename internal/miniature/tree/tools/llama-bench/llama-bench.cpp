#include "bench.h"
#include "common.h"
#include "ggml-cpu.h"
#include "ggml.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>

static void usage(const char * program) {
    printf("usage: %s [options]\n\n"
           "  -h, --help                 show this\n"
           "  --list-devices             list available devices and exit\n"
           "  -m, --model <filename>     a GGUF file\n"
           "  -p, -n, -d <n,n,...>       prompt tokens (512), generated tokens (128), depth (0)\n"
           "  -r, --repetitions <n>      times each test is run (5)\n"
           "  -o, --output <json|jsonl|md>\n"
           "  -t, -b, -ub, -ngl, -fa, -mmp <n>, --no-warmup\n",
           program);
}

static std::vector<int> numbers(const std::string & text) {
    std::vector<int>   list;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) {
        list.push_back(atoi(part.c_str()));
    }
    return list;
}

static bool parse(int argc, char ** argv, bench_params & params) {
    const std::map<std::string, std::vector<int> *> lists = {
        { "-p", &params.n_prompt }, { "--n-prompt", &params.n_prompt }, { "-n", &params.n_gen },
        { "--n-gen", &params.n_gen }, { "-d", &params.n_depth }, { "--n-depth", &params.n_depth },
    };
    const std::map<std::string, int *> ints = {
        { "-r", &params.reps }, { "--repetitions", &params.reps }, { "-t", &params.n_threads },
        { "--threads", &params.n_threads }, { "-b", &params.n_batch }, { "-ub", &params.n_ubatch },
        { "-ngl", &params.n_gpu_layers }, { "--n-gpu-layers", &params.n_gpu_layers },
        { "-fa", &params.flash_attn }, { "-mmp", &params.use_mmap },
    };
    for (int i = 1; i < argc; i++) {
        const std::string arg = argv[i];
        if (arg == "-h" || arg == "--help") {
            usage(argv[0]);
            exit(0);
        } else if (arg == "--list-devices") {
            common_print_devices("(none)");
            exit(0);
        } else if (arg == "--no-warmup") {
            params.warmup = false;
        } else if (i + 1 == argc) {
            fprintf(stderr, "error: invalid parameter for argument: %s\n", arg.c_str());
            return false;
        } else if (arg == "-m" || arg == "--model") {
            params.model = argv[++i];
        } else if (arg == "-o" || arg == "--output") {
            params.output = argv[++i];
        } else if (lists.count(arg)) {
            *lists.at(arg) = numbers(argv[++i]);
        } else if (ints.count(arg)) {
            *ints.at(arg) = atoi(argv[++i]);
        } else {
            fprintf(stderr, "error: invalid parameter for argument: %s\n", arg.c_str());
            return false;
        }
    }
    return bench_known_output(params.output) && params.reps > 0;
}

static bench_test run(const bench_params & params, int n_prompt, int n_gen, int n_depth) {
    bench_test test = { n_prompt, n_gen, n_depth, "", {} };
    char       text[32];
    const time_t now = time(nullptr);
    strftime(text, sizeof text, "%FT%TZ", gmtime(&now));
    test.time = text;
    volatile float sink = 0;
    for (int rep = params.warmup ? -1 : 0; rep < params.reps; rep++) {
        const int64_t start = ggml_time_ns();
        sink = sink + llama_decode(n_prompt, params.n_ubatch, params.n_threads);
        sink = sink + llama_decode(n_gen, 1, params.n_threads);
        if (rep >= 0) {
            test.samples_ns.push_back(uint64_t(ggml_time_ns() - start));
        }
    }
    return test;
}

int main(int argc, char ** argv) {
    bench_params params;
    params.n_threads = ggml_cpu_threads();
    if (!parse(argc, argv, params)) {
        usage(argv[0]);
        return 1;
    }
    if (params.n_prompt.empty()) { params.n_prompt = { 512 }; }
    if (params.n_gen.empty())    { params.n_gen    = { 128 }; }
    if (params.n_depth.empty())  { params.n_depth  = { 0 }; }

    llama_model model;
    if (!llama_model_load(params.model, model)) {
        fprintf(stderr, "main: error: failed to load model '%s'\n", params.model.c_str());
        return 1;
    }
    std::vector<bench_test> tests;
    for (const int depth : params.n_depth) {
        for (const int n : params.n_prompt) {
            if (n > 0) { tests.push_back(run(params, n, 0, depth)); }
        }
        for (const int n : params.n_gen) {
            if (n > 0) { tests.push_back(run(params, 0, n, depth)); }
        }
    }
    bench_print(params, model, tests);
    return 0;
}
