/* The limit of the machine: a broadcaster in C that does nothing but to send.
 *
 * One `send` per frame and connection, from one thread with epoll. It answers any request for a
 * WebSocket or a stream of events, and reads nothing after that. The key of a handshake is not
 * answered as RFC 6455 wants it, because the generator does not look.
 *
 *   broadcaster
 *
 * It prints its port. Commands on standard input: `publish RATE BURST LENGTH TOPICS` (ticks per
 * second, 0: as fast as it goes; messages of so many bytes per tick, to one topic after the
 * other), `stop`. A connection asks for the topic of its path's last digits.
 */
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

#define MOST 65536
#define FRAME_BYTES (128 * 1024)

static int fds[MOST], topics_of[MOST], streams[MOST], count, epoll_fd, listening;
static uint32_t numbers[MOST];
static double rate;
static int burst, length, topics = 1, running, next_topic;
static uint64_t due;

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void forget(int fd)
{
    for (int i = 0; i < count; i++)
        if (fds[i] == fd) {
            count--;
            fds[i] = fds[count];
            topics_of[i] = topics_of[count];
            streams[i] = streams[count];
            break;
        }
    close(fd);
}

static void answer(int fd)
{
    static const char socket_[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\r\n";
    static const char stream[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    char request[4096];
    ssize_t size = recv(fd, request, sizeof request - 1, 0);
    if (size <= 0) {
        forget(fd);
        return;
    }
    request[size] = 0;
    if (strncmp(request, "GET /", 5) || count == MOST) /* a frame of the client */
        return;
    int is_stream = !strncmp(request, "GET /sse", 8);
    const char *text = is_stream ? stream : socket_;
    size_t bytes = is_stream ? sizeof stream - 1 : sizeof socket_ - 1;
    topics_of[count] = atoi(request + 5 + strcspn(request + 5, "0123456789 "));
    streams[count] = is_stream;
    fds[count++] = fd;
    if (send(fd, text, bytes, MSG_NOSIGNAL) < 0)
        forget(fd);
}

/* Write a frame of a length with the marks that the generator looks for. */
static size_t frame(char *into, int is_stream, uint32_t number)
{
    size_t at = 0;
    if (is_stream) {
        at = (size_t)sprintf(into, "data: ");
    } else if (length < 126) {
        into[at++] = (char)0x81;
        into[at++] = (char)length;
    } else {
        into[at++] = (char)0x81;
        into[at++] = 126;
        into[at++] = (char)(length >> 8);
        into[at++] = (char)(length & 255);
    }
    size_t begun = at;
    at += (size_t)sprintf(into + at, "@t=%018lu,n=%08u;", now_ns(), number);
    while (at - begun < (size_t)length)
        into[at++] = 'x';
    if (is_stream) {
        into[at++] = '\n';
        into[at++] = '\n';
    }
    return at;
}

static void tick(void)
{
    static char socket_frame[FRAME_BYTES], stream_frame[FRAME_BYTES];
    for (int i = 0; i < burst; i++) {
        int topic = next_topic;
        next_topic = (next_topic + 1) % topics;
        uint32_t number = numbers[topic]++;
        size_t of_socket = frame(socket_frame, 0, number);
        size_t of_stream = frame(stream_frame, 1, number);
        for (int j = 0; j < count; j++) {
            if (topics > 1 && topics_of[j] != topic)
                continue;
            /* What the kernel does not take is lost: who does not read is nobody's business here. */
            if (streams[j])
                (void)!send(fds[j], stream_frame, of_stream, MSG_NOSIGNAL | MSG_DONTWAIT);
            else
                (void)!send(fds[j], socket_frame, of_socket, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
}

static void command(void)
{
    char line[128];
    ssize_t size = read(0, line, sizeof line - 1);
    if (size <= 0)
        exit(0);
    line[size] = 0;
    if (sscanf(line, "publish %lf %d %d %d", &rate, &burst, &length, &topics) == 4) {
        running = 1;
        next_topic = 0;
        due = now_ns();
    } else {
        running = 0;
    }
    printf("ok\n");
    fflush(stdout);
}

static void accept_all(void)
{
    int yes = 1, fd;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(fd);
    }
}

static void listen_(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listening, (struct sockaddr *)&any, sizeof any) < 0 || listen(listening, 1024) < 0) {
        perror("listen");
        exit(1);
    }
    getsockname(listening, (struct sockaddr *)&any, &size);
    printf("%d\n", ntohs(any.sin_port));
    fflush(stdout);
}

int main(void)
{
    struct rlimit files;
    struct epoll_event ready[512];
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(0);
    listen_();
    watch(listening);
    watch(0);
    for (;;) {
        int wait_ms = 1000;
        if (running) {
            uint64_t now = now_ns();
            if (rate == 0 || now >= due) {
                tick();
                due += rate ? (uint64_t)(1e9 / rate) : 0;
            }
            wait_ms = rate == 0 || now_ns() >= due ? 0 : 1;
        }
        int found = epoll_wait(epoll_fd, ready, 512, wait_ms);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.fd == 0)
                command();
            else if (ready[i].data.fd == listening)
                accept_all();
            else
                answer(ready[i].data.fd);
        }
    }
}
