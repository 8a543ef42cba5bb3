// The base library: a version and a clock.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

const char * ggml_version(void);
int64_t      ggml_time_ns(void); // of the process, on all CPUs: what else the machine does is not measured

#ifdef __cplusplus
}
#endif
