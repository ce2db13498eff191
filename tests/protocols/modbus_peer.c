/* A Modbus server and client on libmodbus, for the tests of interoperation and for the vectors.
 *
 *   modbus_peer serve tcp              on a free port of the loopback; says "READY port"
 *   modbus_peer serve rtu TTY BAUD UNIT    says "READY 0"
 *   modbus_peer ask tcp PORT UNIT      asks everything in `questions`, one after the other, and says what it got
 *   modbus_peer ask rtu TTY BAUD UNIT
 *
 * Register n holds n, input register n holds 65535 - n, coil n is on where n % 3 is 0, discrete input n where n % 5 is 0.
 * A server ends with its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESSES = 10000, MOST = 2000 };

struct question { int function, start, count; };

static const struct question questions[] = {
    {1, 0, 1}, {1, 7, 9}, {1, 100, 2000}, {2, 3, 16}, {2, 0, 1}, {3, 0, 1}, {3, 100, 125},
    {3, 9999, 1}, {3, 9999, 2}, {4, 0, 2}, {4, 4096, 125}, {4, 20000, 4}, {1, 9990, 11},
};

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static modbus_mapping_t *filled(void)
{
    modbus_mapping_t *map = modbus_mapping_new(ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES);
    if (!map)
        fail("map");
    for (int n = 0; n < ADDRESSES; n++) {
        map->tab_bits[n] = n % 3 == 0;
        map->tab_input_bits[n] = n % 5 == 0;
        map->tab_registers[n] = (uint16_t)n;
        map->tab_input_registers[n] = (uint16_t)(65535 - n);
    }
    return map;
}

static void ready(int port)
{
    printf("READY %d\n", port);
    fflush(stdout);
}

/* Answer on what `bus` has until it ends or standard input does. Returns 0 when the peer hung up. */
static int answer(modbus_t *bus, modbus_mapping_t *map)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    struct pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {modbus_get_socket(bus), POLLIN, 0}};
    for (;;) {
        if (poll(wait, 2, -1) < 0)
            fail("poll");
        if (wait[0].revents)
            return 1;
        int length = modbus_receive(bus, query);
        if (length > 0)
            modbus_reply(bus, query, length, map);
        else if (length < 0 && errno != EMBBADCRC && errno != ETIMEDOUT && errno != EMBBADDATA)
            return 0;
    }
}

static void serve_tcp(void)
{
    modbus_t *bus = modbus_new_tcp("127.0.0.1", 0);
    int listener = modbus_tcp_listen(bus, 4);
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&at, &size))
        fail("listen");
    ready(ntohs(at.sin_port));
    modbus_mapping_t *map = filled();
    struct pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
    while (poll(wait, 2, -1) > 0 && !wait[0].revents) {
        if (modbus_tcp_accept(bus, &listener) < 0)
            fail("accept");
        if (answer(bus, map))
            return;
        modbus_close(bus);
    }
}

static modbus_t *line(char **words)
{
    modbus_t *bus = modbus_new_rtu(words[0], atoi(words[1]), 'N', 8, 1);
    if (!bus || modbus_set_slave(bus, atoi(words[2])) || modbus_connect(bus))
        fail("line");
    modbus_set_error_recovery(bus, MODBUS_ERROR_RECOVERY_PROTOCOL);
    return bus;
}

static void ask(modbus_t *bus)
{
    uint8_t bits[MOST];
    uint16_t words[MOST];
    for (size_t n = 0; n < sizeof questions / sizeof *questions; n++) {
        struct question one = questions[n];
        int got = one.function == 1   ? modbus_read_bits(bus, one.start, one.count, bits)
                  : one.function == 2 ? modbus_read_input_bits(bus, one.start, one.count, bits)
                  : one.function == 3 ? modbus_read_registers(bus, one.start, one.count, words)
                                      : modbus_read_input_registers(bus, one.start, one.count, words);
        printf("%d %d %d %d\n", one.function, one.start, one.count, got);
        fflush(stdout);
        usleep(20000);
    }
}

int main(int count, char **words)
{
    if (count == 3 && !strcmp(words[1], "serve")) {
        serve_tcp();
    } else if (count == 6 && !strcmp(words[1], "serve")) {
        modbus_t *bus = line(words + 3);
        ready(0);
        answer(bus, filled());
    } else if (count == 5 && !strcmp(words[1], "ask")) {
        modbus_t *bus = modbus_new_tcp("127.0.0.1", atoi(words[3]));
        if (modbus_set_slave(bus, atoi(words[4])) || modbus_connect(bus))
            fail("connect");
        ask(bus);
    } else if (count == 6 && !strcmp(words[1], "ask")) {
        ask(line(words + 3));
    } else {
        fprintf(stderr, "modbus_peer serve|ask tcp|rtu ...\n");
        return 2;
    }
    return 0;
}
