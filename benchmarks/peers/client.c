/* Many live clients for little processor time: connects, answers heartbeats, counts frames.
   Arguments: port, protocol ("socketio" or "plain"), path, file with one access token in each line ("-": none).
   Commands come in on stdin, one in each line, and answers go to stdout:
     connect COUNT BUFFER   so many more clients, with this receive buffer in bytes (0: the system's); answered
                            "connected SECONDS" when all of them have their first snapshot
     stall                  those with a receive buffer of their own stop reading; answered "stalled COUNT"
     quit                   hang up at once
   When every client that reads has one more event: "round FIRST LAST", moments of CLOCK_MONOTONIC. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536, AT_ONCE = 512, CONNECTING_AT_ONCE = 64, SEEN = 64, TOKEN = 4096, COMMANDS = 0xffffffffu };
enum state { CONNECTING, UPGRADING, OPENING, NAMING, SUBSCRIBING, READY };

struct client {
    int fd, buffer;
    enum state state;
    unsigned char header[10], opcode;
    int header_size, seen;
    uint64_t left;
    char text[SEEN + 1], end[4];
};

static const char INITIAL[] = "42[\"scoreboard_initial\"", UPDATED[] = "42[\"scoreboard_updated\"";
static const char SUBSCRIBE[] = "42[\"subscribe\",{\"channels\":[\"board:main\"]}]";

static struct client *clients;
static int begun, wanted, connecting, ready, reading, buffer_size, socketio, port, poll_fd;
static uint64_t heard; /* events of the round that is under way */
static double wave_began, first;
static const char *path;
static char **tokens;
static int token_count;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void fail(const char *what, const char *more) {
    printf("failed %s: %s\n", what, more);
    fflush(stdout);
    exit(1);
}

static void load_tokens(const char *file_name) {
    if (!strcmp(file_name, "-")) return;
    FILE *file = fopen(file_name, "r");
    if (!file) fail("tokens", strerror(errno));
    static char line[TOKEN];
    tokens = calloc(MOST, sizeof *tokens);
    while (token_count < MOST && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        tokens[token_count++] = strdup(line);
    }
    fclose(file);
}

static void say(struct client *one, const char *text) {
    size_t size = strlen(text), head = 0;
    static unsigned char frame[TOKEN + 256];
    frame[head++] = 0x81;
    if (size < 126) {
        frame[head++] = (unsigned char)(0x80 | size);
    } else {
        frame[head++] = 0x80 | 126;
        frame[head++] = (unsigned char)(size >> 8);
        frame[head++] = (unsigned char)size;
    }
    memset(frame + head, 0, 4); /* a client has to mask; zeros leave the text as it is */
    head += 4;
    memcpy(frame + head, text, size);
    if (send(one->fd, frame, head + size, MSG_NOSIGNAL) != (ssize_t)(head + size)) fail("send", strerror(errno));
}

static void begin(void) {
    uint32_t number = (uint32_t)begun++;
    struct client *one = &clients[number];
    memset(one, 0, sizeof *one);
    one->buffer = buffer_size;
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one->fd < 0) fail("socket", strerror(errno));
    int yes = 1;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (buffer_size) setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof buffer_size);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(one->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) fail("connect", strerror(errno));
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = number};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, one->fd, &event);
    connecting++;
}

static void is_ready(struct client *one) {
    one->state = READY;
    ready++;
    reading++;
    connecting--;
    if (begun < wanted) begin();
    if (ready == wanted) {
        printf("connected %.6f\n", now() - wave_began);
        fflush(stdout);
        heard = 0;
    }
}

static void count_event(void) {
    if (!heard++) first = now();
    if (heard == (uint64_t)reading) {
        printf("round %.6f %.6f\n", first, now());
        fflush(stdout);
        heard = 0;
    }
}

static int begins(const struct client *one, const char *with) {
    size_t size = strlen(with);
    return (size_t)one->seen >= size && !memcmp(one->text, with, size);
}

static void take_frame(struct client *one) {
    if ((one->opcode & 15) == 8) fail("closed", "a close frame came");
    if ((one->opcode & 15) != 1) return;
    if (!socketio) {
        if (one->state == READY)
            count_event();
        else
            is_ready(one);
        return;
    }
    if (begins(one, UPDATED)) {
        if (one->state == READY) count_event();
    } else if (begins(one, "2") && !begins(one, "2probe")) {
        say(one, "3");
    } else if (one->state == OPENING && begins(one, "0")) {
        static char text[TOKEN + 64];
        if (token_count)
            snprintf(text, sizeof text, "40{\"token\":\"%s\"}", tokens[(one - clients) % token_count]);
        else
            snprintf(text, sizeof text, "40");
        one->state = NAMING;
        say(one, text);
    } else if (one->state == NAMING && begins(one, "40")) {
        one->state = SUBSCRIBING;
        say(one, SUBSCRIBE);
    } else if (begins(one, "44") || begins(one, "41")) {
        fail("refused", one->text);
    } else if (one->state == SUBSCRIBING && begins(one, INITIAL)) {
        is_ready(one);
    }
}

static ssize_t skip_handshake(struct client *one, const unsigned char *data, ssize_t size) {
    if (one->end[3] == 0 && size >= 12 && memcmp(data, "HTTP/1.1 101", 12)) fail("handshake", "not accepted");
    for (ssize_t at = 0; at < size; at++) {
        memmove(one->end, one->end + 1, 3);
        one->end[3] = (char)data[at];
        if (!memcmp(one->end, "\r\n\r\n", 4)) {
            one->state = OPENING;
            return at + 1;
        }
    }
    return size;
}

static void take_bytes(struct client *one, const unsigned char *data, ssize_t size) {
    ssize_t at = one->state == UPGRADING ? skip_handshake(one, data, size) : 0;
    while (at < size) {
        if (one->left) {
            ssize_t some = size - at;
            if ((uint64_t)some > one->left) some = (ssize_t)one->left;
            for (ssize_t i = 0; i < some && one->seen < SEEN; i++) one->text[one->seen++] = (char)data[at + i];
            at += some;
            one->left -= (uint64_t)some;
        } else {
            one->header[one->header_size++] = data[at++];
            if (one->header_size < 2) continue;
            int length = one->header[1] & 127, need = length == 126 ? 4 : length == 127 ? 10 : 2;
            if (one->header_size < need) continue;
            one->left = need == 2 ? (uint64_t)length : 0;
            for (int i = 2; i < need; i++) one->left = one->left << 8 | one->header[i];
            one->opcode = one->header[0];
            one->header_size = one->seen = 0;
            memset(one->text, 0, sizeof one->text);
        }
        if (!one->left && !one->header_size) take_frame(one);
    }
}

static void upgrade(struct client *one, uint32_t number) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) fail("connect", strerror(error));
    char text[512];
    int length = snprintf(text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
    if (send(one->fd, text, (size_t)length, MSG_NOSIGNAL) != length) fail("upgrade", strerror(errno));
    one->state = UPGRADING;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, one->fd, &event);
}

static void stall(void) {
    int stalled = 0;
    for (int i = 0; i < begun; i++)
        if (clients[i].buffer) {
            epoll_ctl(poll_fd, EPOLL_CTL_DEL, clients[i].fd, NULL);
            stalled++;
        }
    reading -= stalled;
    printf("stalled %d\n", stalled);
    fflush(stdout);
}

static void hang_up(void) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (int i = 0; i < begun; i++) {
        setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(clients[i].fd);
    }
    exit(0);
}

static void take_commands(void) {
    static char text[4096];
    static size_t size;
    ssize_t got = read(0, text + size, sizeof text - size - 1);
    if (got <= 0) hang_up();
    size += (size_t)got;
    text[size] = 0;
    char *end, *line = text;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        int more, buffer;
        if (sscanf(line, "connect %d %d", &more, &buffer) == 2) {
            if (wanted + more > MOST) fail("connect", "too many clients");
            wanted += more;
            buffer_size = buffer;
            wave_began = now();
            while (begun < wanted && connecting < CONNECTING_AT_ONCE) begin();
        } else if (!strcmp(line, "stall")) {
            stall();
        } else {
            hang_up();
        }
        line = end + 1;
    }
    size -= (size_t)(line - text);
    memmove(text, line, size);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    port = atoi(argv[1]);
    socketio = !strcmp(argv[2], "socketio");
    path = argv[3];
    load_tokens(argv[4]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    clients = calloc(MOST, sizeof *clients);
    poll_fd = epoll_create1(0);
    struct epoll_event commands = {.events = EPOLLIN, .data.u32 = COMMANDS}, got[AT_ONCE];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &commands);
    static unsigned char data[1 << 18];
    for (;;) {
        /* Awake until the round is over: a server pays for waking readers of its own machine, and for no others. */
        int some = epoll_wait(poll_fd, got, AT_ONCE, heard ? 0 : -1);
        for (int i = 0; i < some; i++) {
            uint32_t number = got[i].data.u32;
            if (number == COMMANDS) {
                take_commands();
                continue;
            }
            struct client *one = &clients[number];
            if (one->state == CONNECTING) {
                upgrade(one, number);
                continue;
            }
            ssize_t size = recv(one->fd, data, sizeof data, 0);
            if (size > 0)
                take_bytes(one, data, size);
            else if (size == 0 || (errno != EAGAIN && errno != EINTR))
                fail("closed", size ? strerror(errno) : "the server hung up");
        }
    }
}
