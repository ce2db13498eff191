/* Stands between a process and the C library, to see or to spoil what it does to the files below one directory.

   SHIM_DIR     the directory; everything else is left alone
   SHIM_LOG     write down each operation, in order: a line "op fd-or-name numbers", and the bytes of writes behind it
   SHIM_SYNC_MS fsync and fdatasync take so much longer
   SHIM_FAIL    while this file exists, writes and syncs fail with EIO
   SHIM_BAD     reads of the first store.db at this offset fail with EIO, as of a bad sector */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define FILES 1024

static char names[FILES][512];
static int logged = -1;
static const char *directory, *failing;
static long sync_ms;
static long long bad = -1;
static ino_t bad_inode;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);

static void start(void) {
    if (directory) return;
    real_write = dlsym(RTLD_NEXT, "write");
    failing = getenv("SHIM_FAIL");
    sync_ms = getenv("SHIM_SYNC_MS") ? atol(getenv("SHIM_SYNC_MS")) : 0;
    if (getenv("SHIM_BAD")) bad = atoll(getenv("SHIM_BAD"));
    if (getenv("SHIM_LOG")) {
        int (*open_)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        logged = open_(getenv("SHIM_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    directory = getenv("SHIM_DIR") ? getenv("SHIM_DIR") : "/nowhere";
}

static int ours(const char *path) {
    start();
    return path && !strncmp(path, directory, strlen(directory));
}

static const char *name_of(int fd) {
    start();
    return fd >= 0 && fd < FILES && names[fd][0] ? names[fd] : NULL;
}

static void tell(const char *op, const char *name, long long a, long long b, const void *bytes, size_t size) {
    char line[1200];
    if (logged < 0) return;
    pthread_mutex_lock(&turn);
    int length = snprintf(line, sizeof line, "%s\t%s\t%lld\t%lld\n", op, name, a, b);
    if (real_write(logged, line, length) < 0 || (size && real_write(logged, bytes, size) < 0)) abort();
    pthread_mutex_unlock(&turn);
}

static int fails(const char *name) {
    if (!name || !failing || access(failing, F_OK)) return 0;
    errno = EIO;
    return 1;
}

static int ends_with_database(const char *path) {
    size_t length = strlen(path);
    return length > 8 && !strcmp(path + length - 8, "store.db");
}

static int is_bad(int fd, long long at) {
    struct stat status;
    return bad >= 0 && at == bad && name_of(fd) && !fstat(fd, &status) && status.st_ino == bad_inode;
}

static int opened(int fd, const char *path, int flags) {
    if (fd >= 0 && fd < FILES) {
        names[fd][0] = 0;
        if (ours(path)) {
            strncpy(names[fd], path, sizeof names[fd] - 1);
            struct stat status;
            if (bad >= 0 && !bad_inode && ends_with_database(path) && !fstat(fd, &status)) bad_inode = status.st_ino;
            if (flags & O_CREAT) tell("create", path, flags & O_TRUNC ? 1 : 0, 0, NULL, 0);
        }
    }
    return fd;
}

#define OPEN(function)                                                        \
    int function(const char *path, int flags, ...) {                          \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #function);    \
        va_list more;                                                         \
        va_start(more, flags);                                                \
        int mode = va_arg(more, int);                                         \
        va_end(more);                                                         \
        return opened(real(path, flags, mode), path, flags);                  \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < FILES) names[fd][0] = 0;
    return real(fd);
}

#define PWRITE(function, offset_type)                                                             \
    ssize_t function(int fd, const void *bytes, size_t size, offset_type at) {                    \
        ssize_t (*real)(int, const void *, size_t, offset_type) = dlsym(RTLD_NEXT, #function);    \
        const char *name = name_of(fd);                                                           \
        if (fails(name)) return -1;                                                               \
        ssize_t done = real(fd, bytes, size, at);                                                 \
        if (name && done > 0) tell("write", name, at, done, bytes, done);                         \
        return done;                                                                              \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t size) {
    const char *name = name_of(fd);
    if (fails(name)) return -1;
    off_t at = name ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real_write(fd, bytes, size);
    if (name && done > 0) tell("write", name, at, done, bytes, done);
    return done;
}

#define PREAD(function, offset_type)                                                              \
    ssize_t function(int fd, void *bytes, size_t size, offset_type at) {                          \
        ssize_t (*real)(int, void *, size_t, offset_type) = dlsym(RTLD_NEXT, #function);          \
        if (is_bad(fd, at)) {                                                                     \
            errno = EIO;                                                                          \
            return -1;                                                                            \
        }                                                                                         \
        return real(fd, bytes, size, at);                                                         \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define TRUNCATE(function, length_type)                                       \
    int function(int fd, length_type length) {                                \
        int (*real)(int, length_type) = dlsym(RTLD_NEXT, #function);          \
        const char *name = name_of(fd);                                       \
        int done = real(fd, length);                                          \
        if (name && !done) tell("cut", name, length, 0, NULL, 0);             \
        return done;                                                          \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(function)                                                        \
    int function(int fd) {                                                    \
        int (*real)(int) = dlsym(RTLD_NEXT, #function);                       \
        const char *name = name_of(fd);                                       \
        if (fails(name)) return -1;                                           \
        struct timespec pause = {sync_ms / 1000, sync_ms % 1000 * 1000000};   \
        if (name && sync_ms) nanosleep(&pause, NULL);                         \
        int done = real(fd);                                                  \
        if (name && !done) tell("sync", name, 0, 0, NULL, 0);                 \
        return done;                                                          \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    int done = real(path);
    if (ours(path) && !done) tell("unlink", path, 0, 0, NULL, 0);
    return done;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    char both[1100];
    int done = real(from, to);
    snprintf(both, sizeof both, "%s|%s", from, to);
    if (ours(from) && !done) tell("rename", both, 0, 0, NULL, 0);
    return done;
}
