#include "server.h"

#include "ui.h"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int stop_pipe[2]; // a signal writes, the loop wakes up

static void on_signal(int) {
    (void) !write(stop_pipe[1], "x", 1);
}

// A socket that listens; -1, with a line on stderr, when it cannot be had.
static int tcp_listen(const std::string & host, int port) {
    sockaddr_in addr = {};
    addr.sin_family  = AF_INET;
    addr.sin_port    = htons(uint16_t(port));
    const int on     = 1;
    const int fd     = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && inet_pton(AF_INET, host.c_str(), &addr.sin_addr) == 1 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (sockaddr *) &addr, sizeof addr) == 0 && listen(fd, 16) == 0) {
        return fd;
    }
    fprintf(stderr, "couldn't bind HTTP server socket, hostname: %s, port: %d: %s\n", host.c_str(), port, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static std::string answer(const char * status, const char * type, const std::string & body) {
    return std::string("HTTP/1.1 ") + status + "\r\nServer: llama.cpp\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

static std::string route(const std::string & request) {
    const std::string line = request.substr(0, request.find("\r\n"));
    if (line.rfind("GET /health ", 0) == 0) {
        return answer("200 OK", "application/json; charset=utf-8", "{\"status\":\"ok\"}");
    }
    if (line.rfind("GET / ", 0) == 0 && llama_ui_size > 0) {
        return answer("200 OK", "text/html; charset=utf-8", std::string((const char *) llama_ui_index, llama_ui_size));
    }
    return answer("404 Not Found", "application/json; charset=utf-8",
                  "{\"error\":{\"code\":404,\"message\":\"File Not Found\",\"type\":\"not_found_error\"}}");
}

static void serve(int fd) {
    const timeval patience = { 5, 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string request;
    char        buf[1024];
    ssize_t     n;
    while (request.find("\r\n\r\n") == std::string::npos && request.size() < 65536 && (n = read(fd, buf, sizeof buf)) > 0) {
        request.append(buf, size_t(n));
    }
    const std::string reply = route(request);
    (void) !send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    close(fd);
}

int server_run(const common_params & params) {
    if (pipe(stop_pipe) != 0) {
        return 1;
    }
    struct sigaction action = {};
    action.sa_handler       = on_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);

    const int fd = tcp_listen(params.host, params.port);
    if (fd < 0) {
        return 1;
    }
    sockaddr_in addr = {}; // port 0 asks for any free one
    socklen_t   size = sizeof addr;
    getsockname(fd, (sockaddr *) &addr, &size);
    fprintf(stderr, "server is listening on http://%s:%d (%s, page of %zu bytes)\n", params.host.c_str(), ntohs(addr.sin_port),
            common_tls_version().c_str(), llama_ui_size);
    pollfd fds[2] = { { fd, POLLIN, 0 }, { stop_pipe[0], POLLIN, 0 } };
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        if (fds[1].revents) {
            break;
        }
        if (fds[0].revents) {
            const int client = accept(fd, nullptr, nullptr);
            if (client >= 0) {
                serve(client);
            }
        }
        fds[0].revents = fds[1].revents = 0;
    }
    close(fd);
    fprintf(stderr, "cleaning up before exit...\n");
    return 0;
}
