// What every program of the miniature shares: the options all of them know, and lists of devices.
#pragma once

#include <string>
#include <vector>

struct common_params {
    std::string model;
    std::string host = "127.0.0.1";
    int         port = 8080;
};

// Handles --help, --version (stderr, as llama.cpp does) and --list-devices by leaving the process.
// False, with a line on stderr, for an option it does not know.
bool common_params_parse(int argc, char ** argv, common_params & params);

// "Available devices:" and one line each; when none: the line given, if any.
void common_print_devices(const char * none);

// Descriptions of the devices of one kind, joined with ", ".
std::string common_device_info(bool gpu);

// Names of the backends compiled in, the CPU left out, joined with ","; "CPU" when there is no other.
std::string common_backends();

// Version of the OpenSSL that is linked; empty without LLAMA_OPENSSL.
std::string common_tls_version();
