/* Modbus devices for the measurements, on libmodbus: one port a device, each with 65,536 registers.
 *
 *   modbus_server DEVICES [PORT]     on PORT, PORT + 1 ..., or on free ports; says "READY port port ..."
 *   set PORT ADDRESS VALUE           on its standard input: from now on the register holds VALUE, and stands still;
 *                                    answers with CLOCK_MONOTONIC in nanoseconds at that moment
 *
 * The first 1,024 registers of every device move every 100 ms; what a client may read, it may read as holding and as
 * input registers. The server ends with its standard input, so it never outlives who started it.
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REGISTERS = 65536,
    MOVING = 1024,
    BASE_VALUE = 1000,
    NOISE = 15, /* a mask: values move within 0 to 15 */
    STEP_MS = 100,
    MOST_DEVICES = 512,
    MOST_SOCKETS = 2048,
    BACKLOG = 16,
    LINE_BYTES = 256
};

struct device {
    int port;
    modbus_t *modbus;
    modbus_mapping_t *map;
    uint8_t still[MOVING]; /* 1 where a register was set, so it moves no more */
};

static struct device devices[MOST_DEVICES];
static int device_count;
static struct pollfd sockets[MOST_SOCKETS]; /* standard input, the listeners in the order of the devices, connections */
static int owner[MOST_SOCKETS];
static int socket_count;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void watch(int fd, int device)
{
    sockets[socket_count] = (struct pollfd){.fd = fd, .events = POLLIN};
    owner[socket_count++] = device;
}

static void serve(int port)
{
    struct device *device = &devices[device_count];
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    device->modbus = modbus_new_tcp("127.0.0.1", port);
    device->map = modbus_mapping_new(0, 0, REGISTERS, 0);
    if (device->modbus == NULL || device->map == NULL)
        fail("device");
    device->map->nb_input_registers = REGISTERS;
    device->map->tab_input_registers = device->map->tab_registers;
    int listener = modbus_tcp_listen(device->modbus, BACKLOG);
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&bound, &size) < 0)
        fail("listen");
    device->port = ntohs(bound.sin_port);
    for (int address = 0; address < REGISTERS; address++)
        device->map->tab_registers[address] = (uint16_t)(BASE_VALUE + address % MOVING);
    watch(listener, device_count++);
}

static void move(void)
{
    static uint32_t random = 1;
    for (int n = 0; n < device_count; n++)
        for (int address = 0; address < MOVING; address++) {
            random = random * 1664525 + 1013904223; /* Numerical Recipes, chapter 7.1: quick and dirty is enough */
            if (!devices[n].still[address])
                devices[n].map->tab_registers[address] = (uint16_t)(BASE_VALUE + address + (int)(random >> 24 & NOISE));
        }
}

static int64_t set(int port, int address, int value)
{
    for (int n = 0; n < device_count; n++)
        if (devices[n].port == port && address >= 0 && address < REGISTERS) {
            devices[n].map->tab_registers[address] = (uint16_t)value;
            if (address < MOVING)
                devices[n].still[address] = 1;
            return now_ns();
        }
    return 0;
}

static void order(void)
{
    static char line[LINE_BYTES];
    static size_t filled;
    int port, address, value;
    ssize_t got = read(STDIN_FILENO, line + filled, sizeof line - 1 - filled);
    if (got <= 0)
        exit(0);
    filled += (size_t)got;
    line[filled] = '\0';
    for (char *end; (end = strchr(line, '\n')) != NULL; memmove(line, end + 1, filled + 1)) {
        filled -= (size_t)(end + 1 - line);
        int64_t when = sscanf(line, "set %d %d %d", &port, &address, &value) == 3 ? set(port, address, value) : 0;
        printf("%lld\n", (long long)when);
    }
    if (filled == sizeof line - 1)
        filled = 0;
}

static void accept_one(int listener, int device)
{
    int one = 1, fd = accept(sockets[listener].fd, NULL, NULL);
    if (fd < 0)
        return;
    if (socket_count == MOST_SOCKETS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd, device);
}

static void answer(int at)
{
    struct device *device = &devices[owner[at]];
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    modbus_set_socket(device->modbus, sockets[at].fd);
    int length = modbus_receive(device->modbus, query);
    if (length > 0)
        length = modbus_reply(device->modbus, query, length, device->map);
    if (length >= 0)
        return;
    close(sockets[at].fd);
    sockets[at] = sockets[--socket_count];
    owner[at] = owner[socket_count];
}

int main(int argc, char **argv)
{
    int wanted = argc > 1 ? atoi(argv[1]) : 1, port = argc > 2 ? atoi(argv[2]) : 0;
    if (wanted < 1 || wanted > MOST_DEVICES) {
        fprintf(stderr, "usage: modbus_server DEVICES [PORT], 1 to %d devices\n", MOST_DEVICES);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    watch(STDIN_FILENO, 0);
    for (int n = 0; n < wanted; n++)
        serve(port == 0 ? 0 : port + n);
    printf("READY");
    for (int n = 0; n < device_count; n++)
        printf(" %d", devices[n].port);
    printf("\n");
    for (int64_t due = now_ns();;) {
        int64_t rest_ms = (due - now_ns()) / 1000000;
        if (rest_ms <= 0) {
            move();
            due += STEP_MS * 1000000LL;
            continue;
        }
        if (poll(sockets, (nfds_t)socket_count, (int)rest_ms) <= 0)
            continue;
        for (int at = socket_count - 1; at > device_count; at--) /* downwards: a closed one is filled from above */
            if (sockets[at].revents != 0)
                answer(at);
        for (int at = 1; at <= device_count; at++)
            if (sockets[at].revents != 0)
                accept_one(at, owner[at]);
        if (sockets[0].revents != 0)
            order();
    }
}
