// The counters of Benchmarks/CAllocationCounter, read from inside: it maps the file named by
// GR_ALLOCATION_COUNTS when it is preloaded, and so does this. Reading must not allocate.

import Glibc

/// The heap allocations of this process so far.
@safe  // the mapping is a whole page, owned here and never given back
struct AllocationCounts {
    private let words: UnsafePointer<UInt64>

    /// Nil when the counter is not preloaded.
    init?() {
        // The result is read at once, on the only thread that touches the environment.
        guard let path = unsafe getenv("GR_ALLOCATION_COUNTS") else { return nil }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let page = unsafe mmap(nil, 4_096, PROT_READ, MAP_SHARED, descriptor, 0),
            unsafe page != MAP_FAILED
        else { return nil }
        unsafe words = UnsafePointer(page.assumingMemoryBound(to: UInt64.self))
        // The first word is the process that counts there.
        guard unsafe words[0] == UInt64(getpid()) else { return nil }
    }

    /// malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign together.
    var allocations: UInt64 {
        var sum: UInt64 = 0
        for index in 1...6 { unsafe sum &+= words[index] }
        return sum
    }
}
