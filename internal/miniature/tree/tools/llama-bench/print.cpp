#include "bench.h"
#include "build-info.h"
#include "common.h"

#include <cmath>
#include <cstdio>
#include <utility>

std::vector<double> bench_test::samples_ts() const {
    std::vector<double> ts;
    for (const uint64_t ns : samples_ns) {
        ts.push_back(1e9 * (n_prompt + n_gen) / double(ns));
    }
    return ts;
}

template <typename T> static double mean(const std::vector<T> & v) {
    double sum = 0;
    for (const T x : v) { sum += double(x); }
    return sum / double(v.size());
}

template <typename T> static double stddev(const std::vector<T> & v) {
    const double m = mean(v);
    double sum = 0;
    for (const T x : v) { sum += (double(x) - m) * (double(x) - m); }
    return v.size() < 2 ? 0 : std::sqrt(sum / double(v.size() - 1));
}

static std::string number(double x) {
    char text[32];
    snprintf(text, sizeof text, "%f", x);
    return text;
}

static std::string quoted(const std::string & s) {
    std::string out = "\"";
    for (const char c : s) {
        if (c == '"' || c == '\\') { out += '\\'; }
        out += c;
    }
    return out + "\"";
}

// Fields in llama-bench's order at b9909, values as JSON.
static std::vector<std::pair<std::string, std::string>> fields(const bench_params & p, const llama_model & m, const bench_test & t) {
    using std::to_string;
    return {
        { "build_commit", quoted(llama_commit()) },       { "build_number", to_string(llama_build_number()) },
        { "cpu_info", quoted(common_device_info(false)) }, { "gpu_info", quoted(common_device_info(true)) },
        { "backends", quoted(common_backends()) },        { "model_filename", quoted(m.path) },
        { "model_type", quoted(llama_model_desc(m)) },    { "model_size", to_string(m.size) },
        { "model_n_params", to_string(m.n_params) },      { "n_batch", to_string(p.n_batch) },
        { "n_ubatch", to_string(p.n_ubatch) },            { "n_threads", to_string(p.n_threads) },
        { "cpu_mask", quoted("0x0") },                    { "cpu_strict", "false" },
        { "poll", "50" },                                 { "type_k", quoted("f16") },
        { "type_v", quoted("f16") },                      { "n_gpu_layers", to_string(p.n_gpu_layers) },
        { "n_cpu_moe", "0" },                             { "split_mode", quoted("layer") },
        { "main_gpu", "0" },                              { "no_kv_offload", "false" },
        { "flash_attn", to_string(p.flash_attn) },        { "devices", quoted("auto") },
        { "tensor_split", quoted("0.00") },               { "tensor_buft_overrides", quoted("none") },
        { "use_mmap", p.use_mmap ? "true" : "false" },    { "use_direct_io", "false" },
        { "embeddings", "false" },                        { "no_op_offload", "0" },
        { "no_host", "false" },                           { "fit_target", "0" },
        { "fit_min_ctx", "0" },                           { "n_prompt", to_string(t.n_prompt) },
        { "n_gen", to_string(t.n_gen) },                  { "n_depth", to_string(t.n_depth) },
        { "test_time", quoted(t.time) },                  { "avg_ns", to_string(uint64_t(mean(t.samples_ns))) },
        { "stddev_ns", to_string(uint64_t(stddev(t.samples_ns))) },
        { "avg_ts", number(mean(t.samples_ts())) },       { "stddev_ts", number(stddev(t.samples_ts())) },
    };
}

// indent and between differ in json and jsonl only.
static void print_object(const bench_params & p, const llama_model & m, const bench_test & t, const char * indent, const char * between) {
    for (const auto & f : fields(p, m, t)) {
        printf("%s\"%s\": %s,%s", indent, f.first.c_str(), f.second.c_str(), between);
    }
    printf("%s\"samples_ns\": [ ", indent);
    for (size_t i = 0; i < t.samples_ns.size(); i++) {
        printf("%s%llu", i ? ", " : "", (unsigned long long) t.samples_ns[i]);
    }
    printf(" ],%s%s\"samples_ts\": [ ", *indent ? between : "", indent);
    const auto ts = t.samples_ts();
    for (size_t i = 0; i < ts.size(); i++) {
        printf("%s%g", i ? ", " : "", ts[i]);
    }
    printf(" ]");
}

static void print_json(const bench_params & p, const llama_model & m, const std::vector<bench_test> & tests) {
    printf("[\n");
    for (size_t i = 0; i < tests.size(); i++) {
        printf("%s  {\n", i ? ",\n" : "");
        print_object(p, m, tests[i], "    ", "\n");
        printf("\n  }");
    }
    printf("\n]\n");
}

static void print_jsonl(const bench_params & p, const llama_model & m, const std::vector<bench_test> & tests) {
    for (const auto & t : tests) {
        printf("{");
        print_object(p, m, t, "", " ");
        printf("}\n");
    }
}

static void print_md(const bench_params & p, const llama_model & m, const std::vector<bench_test> & tests) {
    printf("| %-30s | %10s | %10s | %-10s | %7s | %15s | %20s |\n", "model", "size", "params", "backend", "threads", "test", "t/s");
    printf("| ------------------------------ | ---------: | ---------: | ---------- | ------: | --------------: | -------------------: |\n");
    for (const auto & t : tests) {
        const std::string test = t.n_prompt ? "pp" + std::to_string(t.n_prompt) : "tg" + std::to_string(t.n_gen);
        char speed[48];
        snprintf(speed, sizeof speed, "%.2f ± %.2f", mean(t.samples_ts()), stddev(t.samples_ts()));
        printf("| %-30s | %6.2f MiB | %8.2f M | %-10s | %7d | %15s | %21s |\n", llama_model_desc(m).c_str(), double(m.size) / 1048576,
               double(m.n_params) / 1e6, common_backends().c_str(), p.n_threads, test.c_str(), speed);
    }
    printf("\nbuild: %s (%d)\n", llama_commit(), llama_build_number());
}

static void (*printer(const std::string & name))(const bench_params &, const llama_model &, const std::vector<bench_test> &) {
    return name == "json" ? print_json : name == "jsonl" ? print_jsonl : name == "md" ? print_md : nullptr;
}

bool bench_known_output(const std::string & name) {
    return printer(name) != nullptr;
}

void bench_print(const bench_params & params, const llama_model & model, const std::vector<bench_test> & tests) {
    printer(params.output)(params, model, tests);
}
