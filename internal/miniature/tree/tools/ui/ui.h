#pragma once

#include <cstddef>

extern const unsigned char llama_ui_index[]; // index.html
extern const size_t        llama_ui_size;    // 0: built without a page
