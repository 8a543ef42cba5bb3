# Writes ui.cpp with the server's page, from the first of
#   1. dist/index.html in the source tree (built beforehand),
#   2. BUILD_UI=ON: npm, in a copy of the sources under the build tree,
#   3. HF_ENABLED=ON: a download. llama.cpp has one; this project never downloads.
# With none of them the server is built without a page.
cmake_minimum_required(VERSION 3.18)

function(emit page)
    set(bytes "0")
    set(size 0)
    if (page)
        file(SIZE ${page} size)
        file(READ ${page} hex HEX)
        string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    endif()
    set(ui_cpp ${UI_BINARY_DIR}/ui.cpp)
    file(WRITE ${ui_cpp}.new
        "#include \"ui.h\"\nconst unsigned char llama_ui_index[] = {${bytes}};\nconst size_t llama_ui_size = ${size};\n")
    execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${ui_cpp}.new ${ui_cpp})
    file(REMOVE ${ui_cpp}.new)
endfunction()

function(npm_build page_var)
    find_program(NPM_EXECUTABLE npm)
    if (NOT NPM_EXECUTABLE)
        message(STATUS "UI: npm not found")
        return()
    endif()
    file(COPY ${UI_SOURCE_DIR}/ DESTINATION ${UI_BINARY_DIR}/ui-src PATTERN node_modules EXCLUDE)
    foreach (command install "run;build")
        execute_process(
            COMMAND ${CMAKE_COMMAND} -E env LLAMA_UI_OUT_DIR=${UI_BINARY_DIR}/dist LLAMA_BUILD_NUMBER=${LLAMA_BUILD_NUMBER}
                ${NPM_EXECUTABLE} ${command}
            WORKING_DIRECTORY ${UI_BINARY_DIR}/ui-src
            RESULT_VARIABLE rc OUTPUT_QUIET ERROR_VARIABLE err)
        if (NOT rc EQUAL 0)
            message(STATUS "UI: npm failed (${rc}): ${err}")
            return()
        endif()
    endforeach()
    set(${page_var} ${UI_BINARY_DIR}/dist/index.html PARENT_SCOPE)
endfunction()

set(page "")
if (EXISTS ${UI_SOURCE_DIR}/dist/index.html)
    set(page ${UI_SOURCE_DIR}/dist/index.html)
    message(STATUS "UI: using pre-built assets from ${UI_SOURCE_DIR}/dist")
elseif (BUILD_UI)
    npm_build(page)
endif()
if (NOT page AND HF_ENABLED)
    message(STATUS "UI: no download in the miniature")
endif()
if (NOT page)
    message(WARNING "UI: no assets available - building without an embedded UI")
endif()
emit("${page}")
