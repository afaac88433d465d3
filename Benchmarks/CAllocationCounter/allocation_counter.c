// Counts heap allocations of one process: loaded with LD_PRELOAD, it stands in front of glibc's
// allocator and adds to counters in the file named by GR_ALLOCATION_COUNTS, mapped shared, so that
// perf/allocations reads them before and after a load while the process runs on undisturbed.
// The first process to map the file owns it; its children count into a page of their own, so a
// spawned service can never be mistaken for the daemon. It must never allocate itself.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The layout is known to perf/harness/clients.py: nine 64-bit words from the start of the file.
struct counts {
    _Atomic uint64_t owner; // pid
    _Atomic uint64_t malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign, free;
    _Atomic uint64_t bytes; // asked for, by all but free
};

static struct counts private_counts;
static struct counts *counts = &private_counts;

// glibc exports its allocator under these names too: no dlsym, which would allocate.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

__attribute__((constructor)) static void map_counts(void) {
    const char *path = getenv("GR_ALLOCATION_COUNTS");
    int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0)
        return;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (page == MAP_FAILED)
        return;
    struct counts *shared = page;
    uint64_t nobody = 0, own = (uint64_t)getpid();
    // Equal to its own pid: the owner replaced itself by exec (taskset does).
    if (atomic_compare_exchange_strong(&shared->owner, &nobody, own) || nobody == own)
        counts = shared;
}

static inline void add(_Atomic uint64_t *counter, size_t bytes) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->bytes, bytes, memory_order_relaxed);
}

void *malloc(size_t bytes) {
    add(&counts->malloc, bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    add(&counts->calloc, count * bytes);
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    add(&counts->realloc, bytes);
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    add(&counts->aligned_alloc, bytes);
    return __libc_memalign(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    add(&counts->memalign, bytes);
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes) {
    add(&counts->posix_memalign, bytes);
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *memory = __libc_memalign(alignment, bytes);
    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}

void free(void *memory) {
    atomic_fetch_add_explicit(&counts->free, 1, memory_order_relaxed);
    __libc_free(memory);
}
