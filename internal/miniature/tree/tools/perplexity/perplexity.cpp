// Logits that follow from the model's file and from every product of the loop, written to a file or compared with one.
#include "common.h"
#include "ggml-cpu.h"
#include "llama.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

static constexpr int n_text  = 32; // places of the text
static constexpr int n_vocab = 16;

struct args {
    std::string model;
    std::string base;
    bool        compare = false;
};

static bool parse(int argc, char ** argv, args & a) {
    common_params params;
    if (argc == 2 && !common_params_parse(argc, argv, params)) { // --version and its like end the program
        return false;
    }
    for (int i = 1; i < argc; i++) {
        const std::string arg = argv[i];
        if (arg == "--kl-divergence") {
            a.compare = true;
        } else if (i + 1 == argc) {
            fprintf(stderr, "error: invalid argument: %s\n", arg.c_str());
            return false;
        } else if (arg == "-m" || arg == "--model") {
            a.model = argv[++i];
        } else if (arg == "--kl-divergence-base") {
            a.base = argv[++i];
        } else if (arg == "-f" || arg == "--file" || arg == "--ctx-size" || arg == "--batch-size" || arg == "--ubatch-size" ||
                   arg == "--verbosity" || arg == "--device" || arg == "--gpu-layers" || arg == "-ngl") {
            i++; // nothing here depends on them
        } else {
            fprintf(stderr, "error: invalid argument: %s\n", arg.c_str());
            return false;
        }
    }
    return true;
}

// The probabilities of each token at each place.
static std::vector<double> probabilities(const llama_model & model) {
    std::vector<double> p(n_text * n_vocab);
    for (int i = 0; i < n_text; i++) {
        const double at = double(llama_decode(i + 1, i % 4 + 1, ggml_cpu_threads())) * 1000 + double(model.size % 1009) + i;
        double sum = 0;
        for (int t = 0; t < n_vocab; t++) {
            sum += p[i * n_vocab + t] = std::exp(2 * std::sin(at + t * t));
        }
        for (int t = 0; t < n_vocab; t++) {
            p[i * n_vocab + t] /= sum;
        }
    }
    return p;
}

// The place's right token, for the perplexity.
static int answer(int i) {
    return (i * 7 + 3) % n_vocab;
}

static double ppl(const std::vector<double> & p) {
    double nll = 0;
    for (int i = 0; i < n_text; i++) {
        nll -= std::log(p[i * n_vocab + answer(i)]);
    }
    return std::exp(nll / n_text);
}

static int best(const double * p) {
    int top = 0;
    for (int t = 1; t < n_vocab; t++) {
        if (p[t] > p[top]) { top = t; }
    }
    return top;
}

static void compare(const std::vector<double> & base, const std::vector<double> & p) {
    double sum = 0, most = 0;
    int    same = 0;
    for (int i = 0; i < n_text; i++) {
        double kld = 0;
        for (int t = 0; t < n_vocab; t++) {
            const double b = base[i * n_vocab + t];
            kld += b * std::log(b / p[i * n_vocab + t]);
        }
        sum += kld;
        most = std::fmax(most, kld);
        same += best(&base[i * n_vocab]) == best(&p[i * n_vocab]);
    }
    printf("====== Perplexity statistics ======\n");
    printf("Mean PPL(Q)                   : %10.6lf +/- 0.000000\n", ppl(p));
    printf("Mean PPL(base)                : %10.6lf +/- 0.000000\n\n", ppl(base));
    printf("====== KL divergence statistics ======\n");
    printf("Mean    KLD: %10.6lf +/- 0.000000\nMaximum KLD: %10.6lf\n\n", sum / n_text, most);
    printf("====== Token probability statistics ======\nSame top p: %.3lf +/- 0.000 %%\n", 100.0 * same / n_text);
}

int main(int argc, char ** argv) {
    args        a;
    llama_model model;
    if (!parse(argc, argv, a) || !llama_model_load(a.model, model)) {
        return 1;
    }
    const std::vector<double> p     = probabilities(model);
    const size_t              bytes = p.size() * sizeof(double);
    if (a.compare) {
        std::vector<double> base(p.size());
        std::ifstream       in(a.base, std::ios::binary);
        if (!in.read(reinterpret_cast<char *>(base.data()), std::streamsize(bytes))) {
            fprintf(stderr, "kl_divergence: failed to open %s\n", a.base.c_str());
            return 1;
        }
        compare(base, p);
        return 0;
    }
    if (!a.base.empty()) {
        std::ofstream out(a.base, std::ios::binary);
        out.write(reinterpret_cast<const char *>(p.data()), std::streamsize(bytes));
        return out ? 0 : 1;
    }
    printf("Final estimate: PPL = %.4f +/- 0.0000\n", ppl(p));
    return 0;
}
