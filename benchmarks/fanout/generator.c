/* The subscribers of a fan-out: many connections on one core, counted, timed and checked.
 *
 * Whatever a server's framing is, its payloads hold the mark `@t=<18 digits>,n=<8 digits>;`: when
 * the message was made (CLOCK_MONOTONIC, ns) and which one of its topic it is. The marks are found
 * in the bytes as they come, so one program serves every protocol, and costs far less than any
 * server.
 *
 *   generator PORT SETUP
 *
 * SETUP is a file: for each connection four fields, each behind its length (4 bytes, little
 * endian): the request to open it, what is sent once the answer's head is there, what must come
 * before the connection counts as open (empty: nothing), and what is sent as a heartbeat.
 *
 * Commands come on standard input, a line each; each is answered by a line of JSON:
 *
 *   open PERCENT           open all connections, a few at a time; so many of them with a small
 *                          buffer, because they are going to be stalled: what the kernel takes
 *                          for a client is on the client's machine elsewhere
 *   measure SECONDS        read for so long; return what came
 *   stall PERCENT          from now on, do not read so many of the connections
 *   beat SECONDS EVERY     read, while each connection sends a heartbeat every so many seconds
 *   shake SECONDS FLIGHT   open connections and reset them, so many at a time, over and over
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK "@t="
#define MARK_BYTES 33
#define KEPT (MARK_BYTES - 1) /* of a read, before the next: a mark may be cut */
#define READ_BYTES (256 * 1024)
#define READY_BYTES 4096
#define IN_FLIGHT 64
#define ADDRESSES 16 /* of the loopback network: each has ports of its own */
#define MOST_TIMES 8000000
#define OPEN_S 120.0

enum state { CONNECTING, HEAD, READY, OPEN, GONE };

struct field {
    const char *bytes;
    uint32_t length;
};

struct connection {
    int fd;
    enum state state;
    uint32_t kept_bytes;
    char kept[KEPT];
    char *early; /* what came before it was open */
    uint32_t early_bytes;
    int64_t newest; /* the number of the last message, -1: none */
    struct field request, hello, ready, heartbeat;
};

static struct connection *connections;
static int count, port, epoll_fd;
static char *buffer;
static uint32_t *times; /* latencies, in microseconds */
static uint64_t times_kept, deliveries, bytes_read, reads, lost, answers;
static int opened, gone, to_stall;

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void wait_for(struct connection *one, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = one};
    if (epoll_ctl(epoll_fd, operation, one->fd, &event) < 0)
        fail("epoll_ctl");
}

static void begin(struct connection *one, int number)
{
    int yes = 1, little = 4096;
    struct sockaddr_in mine = {.sin_family = AF_INET}, theirs = {.sin_family = AF_INET};
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one->fd < 0)
        fail("socket");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(one->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (number % 100 < to_stall)
        setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    mine.sin_addr.s_addr = htonl(0x7f000001u + (uint32_t)(number % ADDRESSES));
    theirs.sin_addr.s_addr = htonl(0x7f000001u);
    theirs.sin_port = htons((uint16_t)port);
    if (bind(one->fd, (struct sockaddr *)&mine, sizeof mine) < 0)
        fail("bind");
    if (connect(one->fd, (struct sockaddr *)&theirs, sizeof theirs) < 0 && errno != EINPROGRESS)
        fail("connect");
    one->state = CONNECTING;
    one->newest = -1;
    one->kept_bytes = one->early_bytes = 0;
    wait_for(one, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void put(struct connection *one, struct field what)
{
    if (what.length && send(one->fd, what.bytes, what.length, MSG_NOSIGNAL) != (ssize_t)what.length)
        fprintf(stderr, "a short write\n");
}

static void lose(struct connection *one)
{
    close(one->fd);
    one->state = GONE;
    gone++;
}

static int64_t digits(const char *at, int length)
{
    int64_t value = 0;
    for (int i = 0; i < length; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

/* Count the marks of new bytes; `buffer + KEPT` is where they are. */
static void count_marks(struct connection *one, uint32_t length)
{
    char *start = buffer + KEPT - one->kept_bytes, *end = buffer + KEPT + length, *at = start;
    uint64_t moment = 0;
    memcpy(start, one->kept, one->kept_bytes);
    while (end - at >= MARK_BYTES && (at = memmem(at, (size_t)(end - at), MARK, 3)) != NULL) {
        if (end - at < MARK_BYTES)
            break;
        if (!moment)
            moment = now_ns();
        int64_t made = digits(at + 3, 18), number = digits(at + 24, 8);
        if (one->newest >= 0 && number != one->newest + 1)
            lost += number > one->newest ? (uint64_t)(number - one->newest - 1) : 1;
        one->newest = number;
        deliveries++;
        if (times_kept < MOST_TIMES)
            times[times_kept++] = (uint32_t)((moment - (uint64_t)made) / 1000);
        start = at += MARK_BYTES;
    }
    one->kept_bytes = (uint32_t)(end - start > KEPT ? KEPT : end - start);
    memcpy(one->kept, end - one->kept_bytes, one->kept_bytes);
}

/* Take bytes that come before a connection is open; return whether it still lives. */
static int take_early(struct connection *one, const char *bytes, uint32_t length)
{
    if (one->early == NULL)
        one->early = malloc(READY_BYTES + 1);
    if (length > READY_BYTES - one->early_bytes)
        length = READY_BYTES - one->early_bytes;
    memcpy(one->early + one->early_bytes, bytes, length);
    one->early_bytes += length;
    one->early[one->early_bytes] = 0;
    if (one->state == HEAD) {
        if (memmem(one->early, one->early_bytes, "\r\n\r\n", 4) == NULL)
            return 1;
        if (memcmp(one->early + 8, " 101", 4) && memcmp(one->early + 8, " 200", 4)) {
            fprintf(stderr, "refused: %.60s\n", one->early);
            lose(one);
            return 0;
        }
        put(one, one->hello);
        one->state = READY;
    }
    if (!one->ready.length ||
        memmem(one->early, one->early_bytes, one->ready.bytes, one->ready.length) != NULL) {
        free(one->early);
        one->early = NULL;
        one->state = OPEN;
        opened++;
    }
    return 1;
}

static void read_from(struct connection *one)
{
    for (;;) {
        ssize_t length = recv(one->fd, buffer + KEPT, READ_BYTES, 0);
        if (length < 0 && errno == EAGAIN)
            return;
        if (length <= 0) {
            lose(one);
            return;
        }
        bytes_read += (uint64_t)length;
        reads++;
        if (one->state == OPEN)
            count_marks(one, (uint32_t)length);
        else if (!take_early(one, buffer + KEPT, (uint32_t)length))
            return;
        if (length < READ_BYTES)
            return;
    }
}

static void handle(struct connection *one, uint32_t events)
{
    if (one->state == CONNECTING && events & EPOLLOUT) {
        put(one, one->request);
        one->state = HEAD;
        wait_for(one, EPOLLIN, EPOLL_CTL_MOD);
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && one->state != GONE)
        read_from(one);
}

static void turn(int most_ms)
{
    struct epoll_event ready[512];
    int found = epoll_wait(epoll_fd, ready, 512, most_ms);
    for (int i = 0; i < found; i++)
        handle(ready[i].data.ptr, ready[i].events);
}

static void open_all(void)
{
    uint64_t begun = now_ns();
    int started = 0;
    while (opened + gone < count && (double)(now_ns() - begun) / 1e9 < OPEN_S) {
        while (started < count && started - opened - gone < IN_FLIGHT) {
            begin(&connections[started], started);
            started++;
        }
        turn(100);
    }
    printf("{\"open\": %d, \"gone\": %d, \"seconds\": %.3f}\n", opened, gone,
           (double)(now_ns() - begun) / 1e9);
}

static int ascending(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return a < b ? -1 : a > b;
}

static double percentile(double percent)
{
    if (!times_kept)
        return 0;
    uint64_t place = (uint64_t)((double)times_kept * percent / 100);
    return times[place < times_kept ? place : times_kept - 1] / 1000.0;
}

static void report(uint64_t begun, double cpu)
{
    double seconds = (double)(now_ns() - begun) / 1e9;
    int open = 0;
    for (int i = 0; i < count; i++)
        open += connections[i].state == OPEN;
    cpu = cpu_s() - cpu;
    qsort(times, times_kept, sizeof *times, ascending);
    printf("{\"deliveries\": %lu, \"bytes\": %lu, \"reads\": %lu, \"lost\": %lu, \"open\": %d, "
           "\"seconds\": %.4f, \"busy\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"most_ms\": %.3f, \"beats\": %lu}\n",
           deliveries, bytes_read, reads, lost, open, seconds, cpu / seconds, percentile(50),
           percentile(99), percentile(100), answers);
}

static void forget(void)
{
    deliveries = bytes_read = reads = lost = times_kept = answers = 0;
}

static void measure(double for_s)
{
    uint64_t begun = now_ns(), ends = begun + (uint64_t)(for_s * 1e9);
    double cpu = cpu_s();
    forget();
    while (now_ns() < ends)
        turn(10);
    report(begun, cpu);
}

static void stall(int percent)
{
    int stalled = 0;
    for (int i = 0; i < count; i++) {
        struct connection *one = &connections[i];
        if (one->state == OPEN && i % 100 < percent) {
            wait_for(one, 0, EPOLL_CTL_MOD);
            stalled++;
        }
    }
    printf("{\"stalled\": %d}\n", stalled);
}

static void beat(double for_s, double every_s)
{
    uint64_t begun = now_ns(), ends = begun + (uint64_t)(for_s * 1e9);
    double cpu = cpu_s(), sent = 0;
    int next = 0;
    forget();
    for (uint64_t at = begun; at < ends; at = now_ns()) {
        double due = (double)(at - begun) / 1e9 * count / every_s;
        while (sent < due) {
            struct connection *one = &connections[next];
            next = (next + 1) % count;
            sent++;
            if (one->state == OPEN) {
                put(one, one->heartbeat);
                answers++;
            }
        }
        turn(2);
    }
    report(begun, cpu);
}

/* Open and reset connections. A reset leaves no TIME_WAIT behind, so no port runs out. */
static void shake(double for_s, int flight)
{
    uint64_t begun = now_ns(), ends = begun + (uint64_t)(for_s * 1e9), done = 0, failed = 0;
    struct linger at_once = {1, 0};
    double cpu = cpu_s();
    int number = 0;
    if (flight > count)
        flight = count;
    for (int i = 0; i < flight; i++)
        begin(&connections[i], number++);
    while (now_ns() < ends) {
        struct epoll_event ready[512];
        int found = epoll_wait(epoll_fd, ready, 512, 100);
        for (int i = 0; i < found; i++) {
            struct connection *one = ready[i].data.ptr;
            if (one->state == CONNECTING && ready[i].events & EPOLLOUT) {
                put(one, one->request);
                one->state = HEAD;
                wait_for(one, EPOLLIN, EPOLL_CTL_MOD);
            }
            if (!(ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                continue;
            ssize_t length = recv(one->fd, buffer, READ_BYTES, 0);
            if (length < 0 && errno == EAGAIN)
                continue;
            if (length > 12 && !memcmp(buffer + 8, " 101", 4))
                done++;
            else
                failed++;
            setsockopt(one->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            close(one->fd);
            begin(one, number++);
        }
    }
    double seconds = (double)(now_ns() - begun) / 1e9;
    for (int i = 0; i < flight; i++) {
        setsockopt(connections[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(connections[i].fd);
        connections[i].state = GONE;
    }
    printf("{\"done\": %lu, \"failed\": %lu, \"seconds\": %.4f, \"busy\": %.3f}\n", done, failed,
           seconds, (cpu_s() - cpu) / seconds);
}

static struct field next_field(char **at)
{
    struct field found;
    memcpy(&found.length, *at, 4);
    found.bytes = *at + 4;
    *at += 4 + found.length;
    return found;
}

static void read_setup(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *setup = malloc((size_t)size + 1), *at = setup, *end = setup + size;
    if (fread(setup, 1, (size_t)size, file) != (size_t)size)
        fail(path);
    fclose(file);
    for (char *look = setup; look < end; count++)
        for (int i = 0; i < 4; i++)
            next_field(&look);
    connections = calloc((size_t)count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        connections[i].request = next_field(&at);
        connections[i].hello = next_field(&at);
        connections[i].ready = next_field(&at);
        connections[i].heartbeat = next_field(&at);
    }
}

/* Read a command; go on reading the connections meanwhile. Return 0 at the end of the input. */
static int command(char *line, int size)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (poll(&input, 1, 0) == 0)
        turn(10);
    int length = 0;
    while (length < size - 1 && read(0, line + length, 1) == 1 && line[length] != '\n')
        length++;
    line[length] = 0;
    return length > 0;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    char line[128];
    double one, two;
    if (argc != 3)
        return 2;
    port = atoi(argv[1]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(0);
    buffer = malloc(KEPT + READ_BYTES + 1);
    times = malloc(MOST_TIMES * sizeof *times);
    read_setup(argv[2]);
    while (command(line, sizeof line)) {
        if (sscanf(line, "open %d", &to_stall) == 1)
            open_all();
        else if (sscanf(line, "measure %lf", &one) == 1)
            measure(one);
        else if (sscanf(line, "stall %lf", &one) == 1)
            stall((int)one);
        else if (sscanf(line, "beat %lf %lf", &one, &two) == 2)
            beat(one, two);
        else if (sscanf(line, "shake %lf %lf", &one, &two) == 2)
            shake(one, (int)two);
        else
            return 2;
        fflush(stdout);
    }
    return 0;
}
