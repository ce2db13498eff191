/* The least that a subscriber can do: MQTT 3.1.1 on a plain socket, every message counted and thrown away.
 *
 *   subscriber COUNTER PORT    subscribes to # with QoS 0 on the loopback; COUNTER is a file of 16 bytes: messages, and the
 *                              bytes that came, headers of MQTT included
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "counter.h"

enum { BUFFER_BYTES = 1 << 24, PUBLISH = 3, KEEP_ALIVE_OFF = 0 };

static const uint8_t CONNECT[] = {0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, KEEP_ALIVE_OFF, 0, 6, 'b', 'e', 'n', 'c', 'h', 'C'};
static const uint8_t SUBSCRIBE[] = {0x82, 6, 0, 1, 0, 1, '#', 0};

static uint8_t buffer[BUFFER_BYTES];

/* The length of the packet at `at`, 0 while its header is not complete. */
static size_t packet_length(const uint8_t *at, size_t have)
{
    size_t length = 0;
    for (size_t n = 1; n < have && n <= 4; n++) {
        length |= (size_t)(at[n] & 0x7f) << (7 * (n - 1));
        if ((at[n] & 0x80) == 0)
            return 1 + n + length;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: subscriber COUNTER PORT\n");
        return 2;
    }
    volatile uint64_t *counter = map_counters(argv[1], 2);
    struct sockaddr_in broker = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    broker.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&broker, sizeof broker) < 0 ||
        write(fd, CONNECT, sizeof CONNECT) != sizeof CONNECT || write(fd, SUBSCRIBE, sizeof SUBSCRIBE) != sizeof SUBSCRIBE) {
        perror("broker");
        return 1;
    }
    size_t filled = 0;
    for (ssize_t got; (got = read(fd, buffer + filled, BUFFER_BYTES - filled)) > 0;) {
        filled += (size_t)got;
        size_t at = 0;
        for (size_t length; (length = packet_length(buffer + at, filled - at)) > 0 && length <= filled - at; at += length)
            if (buffer[at] >> 4 == PUBLISH) {
                counter[0]++;
                counter[1] += length;
            }
        memmove(buffer, buffer + at, filled -= at);
    }
    return 1;
}
