/* The limit of every fan-out: a C loop that hands one prepared frame to each socket with one system call, and can
   nothing else. Arguments: port, file with the event. A line on stdin sends one event to all.
   It answers the one handshake that our own clients begin; no other client could connect. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, AT_ONCE = 256, ROOM = 1 << 16 };

static const char WELCOME[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; /* for the key of RFC 6455's example */

static int sockets[MOST], count;
static unsigned char frame[ROOM];
static size_t frame_size;
static char upgraded[MOST];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void load_frame(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    size_t size = fread(frame + 4, 1, ROOM - 4, file);
    fclose(file);
    if (size < 126) {
        fputs("the event is too small\n", stderr);
        exit(1);
    }
    frame[0] = 0x81;
    frame[1] = 126;
    frame[2] = (unsigned char)(size >> 8);
    frame[3] = (unsigned char)size;
    frame_size = size + 4;
}

static void hand_out(void) {
    for (int i = 0; i < count; i++)
        if (send(sockets[i], frame, frame_size, MSG_NOSIGNAL) != (ssize_t)frame_size && errno != EPIPE && errno != ECONNRESET)
            fail("a socket took less than a frame");
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    load_frame(argv[2]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int poll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, got[AT_ONCE];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    wanted.data.fd = 0;
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &wanted);
    static char text[ROOM];
    for (;;) {
        int ready = epoll_wait(poll, got, AT_ONCE, -1);
        for (int i = 0; i < ready; i++) {
            int fd = got[i].data.fd;
            if (fd == listener) {
                int accepted;
                while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (accepted >= MOST || count >= MOST) fail("too many sockets");
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    wanted.data.fd = accepted;
                    epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &wanted);
                    upgraded[accepted] = 0;
                }
                continue;
            }
            ssize_t size = read(fd, text, sizeof text);
            if (fd == 0) {
                if (size <= 0) return 0;
                for (ssize_t at = 0; at < size; at++)
                    if (text[at] == '\n') hand_out();
            } else if (size <= 0) {
                if (size < 0 && errno == EAGAIN) continue;
                for (int at = 0; at < count; at++)
                    if (sockets[at] == fd) {
                        sockets[at] = sockets[--count];
                        break;
                    }
                close(fd);
            } else if (!upgraded[fd]) { /* a handshake fits into one segment here */
                upgraded[fd] = 1;
                if (send(fd, WELCOME, sizeof WELCOME - 1, MSG_NOSIGNAL) < 0) fail("welcome");
                if (send(fd, frame, frame_size, MSG_NOSIGNAL) < 0) fail("first frame");
                sockets[count++] = fd;
            }
        }
    }
}
