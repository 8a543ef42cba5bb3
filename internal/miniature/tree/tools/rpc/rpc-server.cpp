// Takes connections on its port and closes them: the miniature has no protocol to speak.
#include "common.h"
#include "ggml-backend.h"

#include <arpa/inet.h>
#include <cstdio>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char ** argv) {
    common_params params;
    params.port = 50052;
    if (!common_params_parse(argc, argv, params)) {
        return 1;
    }
    sockaddr_in addr = {};
    addr.sin_family  = AF_INET;
    addr.sin_port    = htons(uint16_t(params.port));
    const int fd     = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, params.host.c_str(), &addr.sin_addr) != 1 || bind(fd, (sockaddr *) &addr, sizeof addr) != 0 ||
        listen(fd, 16) != 0) {
        perror("Failed to create server socket");
        return 1;
    }
    printf("Starting RPC server, endpoint: %s:%d, backends: %zu\n", params.host.c_str(), params.port, ggml_backend_reg_count());
    fflush(stdout);
    for (int client; (client = accept(fd, nullptr, nullptr)) >= 0;) {
        close(client);
    }
    return 0;
}
