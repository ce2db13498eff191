/* The physical base: libmodbus reads registers, on time, and does nothing else.
 *
 *   reader COUNTER EVERY_MS REGISTERS PORT ...   reads so many registers of every device, in blocks of up to 125, spread
 *                                                over the interval; COUNTER is a file of 8 bytes, the registers read
 */
#include <errno.h>
#include <modbus.h>
#include <time.h>

#include "counter.h"

static const int64_t SECOND_NS = 1000000000;

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int read_all(modbus_t *device, int registers)
{
    uint16_t block[MODBUS_MAX_READ_REGISTERS];
    for (int address = 0; address < registers; address += MODBUS_MAX_READ_REGISTERS) {
        int left = registers - address, count = left < MODBUS_MAX_READ_REGISTERS ? left : MODBUS_MAX_READ_REGISTERS;
        if (modbus_read_registers(device, address, count, block) != count) {
            fprintf(stderr, "read: %s\n", modbus_strerror(errno));
            exit(1);
        }
    }
    return registers;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: reader COUNTER EVERY_MS REGISTERS PORT ...\n");
        return 2;
    }
    volatile uint64_t *counter = map_counters(argv[1], 1);
    int64_t every_ns = atoll(argv[2]) * 1000000;
    int registers = atoi(argv[3]), count = argc - 4;
    modbus_t **devices = calloc((size_t)count, sizeof *devices);
    for (int n = 0; n < count; n++) {
        devices[n] = modbus_new_tcp("127.0.0.1", atoi(argv[4 + n]));
        if (devices[n] == NULL || modbus_set_slave(devices[n], 1) < 0 || modbus_connect(devices[n]) < 0) {
            fprintf(stderr, "connect: %s\n", modbus_strerror(errno));
            return 1;
        }
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (int64_t turn_ns = now.tv_sec * SECOND_NS + now.tv_nsec;; turn_ns += every_ns)
        for (int n = 0; n < count; n++) {
            sleep_until(turn_ns + every_ns * n / count);
            *counter += (uint64_t)read_all(devices[n], registers);
        }
}
