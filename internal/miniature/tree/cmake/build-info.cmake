# Number and short commit of the work tree. An exported tree has neither: 0 and unknown.
set(BUILD_NUMBER 0)
set(BUILD_COMMIT "unknown")
set(BUILD_COMPILER "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
set(BUILD_TARGET "${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR}")

function(git_says out)
    execute_process(COMMAND ${GIT_EXECUTABLE} ${ARGN}
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
        OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
    if (rc EQUAL 0)
        set(${out} "${said}" PARENT_SCOPE)
    endif()
endfunction()

find_package(Git)
if (Git_FOUND)
    git_says(BUILD_COMMIT rev-parse --short HEAD)
    git_says(BUILD_NUMBER rev-list --count HEAD)
endif()
