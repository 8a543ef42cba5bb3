#pragma once

#include "common.h"

// Answers HTTP until SIGTERM or SIGINT. Returns the exit status.
int server_run(const common_params & params);
