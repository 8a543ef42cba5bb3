#include "ggml-backend.h"

// Remote devices would be added here by --rpc; the miniature has none.
static int dev_count() {
    return 0;
}

static bool dev_get(int, ggml_dev_info *) {
    return false;
}

const ggml_reg * ggml_backend_rpc_reg(void) {
    static const ggml_reg reg = { "RPC", dev_count, dev_get };
    return &reg;
}
