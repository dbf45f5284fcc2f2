/* Loaded before the C library, so that a process and its children meet a file system without flock, or a clock set back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* NO_FLOCK: the errno that flock fails with. */
int flock(int fd, int operation) {
    const char *said = getenv("NO_FLOCK");
    if (said) {
        errno = atoi(said);
        return -1;
    }
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(fd, operation);
}

/* CLOCK_BACK: seconds that the clock of the day is behind; CLOCK_AFTER: seconds of a process before that begins. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    static double began = -1;
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *back = getenv("CLOCK_BACK"), *after = getenv("CLOCK_AFTER");
    int failed = real(clock, now);
    if (failed || !back || clock != CLOCK_REALTIME)
        return failed;
    struct timespec awake;
    real(CLOCK_MONOTONIC, &awake);
    double seconds = awake.tv_sec + awake.tv_nsec * 1e-9;
    if (began < 0)
        began = seconds;
    if (!after || seconds - began >= atof(after))
        now->tv_sec -= atol(back);
    return 0;
}
