/* Numbers that whoever started this program may read at any time: 64 bit each, in a file that both have mapped. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint64_t *map_counters(const char *file, size_t count)
{
    int fd = open(file, O_RDWR);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        perror(file);
        exit(1);
    }
    return mapped;
}
