// The base library: a version and a clock.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

const char * ggml_version(void);
int64_t      ggml_time_ns(void); // monotonic

#ifdef __cplusplus
}
#endif
