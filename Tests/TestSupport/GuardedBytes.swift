// Bytes that end right before a page nobody may touch.
//
// Parser tests put their input here: a read of one byte too many ends the test process instead of
// passing by luck. Used by HTTPParserTests; good for any code that takes a span.

import Glibc

/// A copy of some bytes, flush against an inaccessible page.
@safe
package struct GuardedBytes: ~Copyable {
    private let mapping: UnsafeMutableRawPointer
    private let mappedCount: Int
    private let start: Int
    private let count: Int

    /// Copies `bytes`; nil when the system gives no memory.
    package init?(_ bytes: [UInt8]) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let pages = (bytes.count + page - 1) / page
        let mappedCount = (pages + 1) * page
        let mapping = unsafe mmap(
            nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else { return nil }
        let start = pages * page - bytes.count
        // Within the mapping: start + count is where the last page begins.
        unsafe mapping.advanced(by: start).copyMemory(from: bytes, byteCount: bytes.count)
        guard unsafe mprotect(mapping.advanced(by: pages * page), page, PROT_NONE) == 0 else {
            unsafe munmap(mapping, mappedCount)
            return nil
        }
        unsafe self.mapping = mapping
        self.mappedCount = mappedCount
        self.start = start
        count = bytes.count
    }

    deinit {
        // This object made the mapping and nobody else unmaps it.
        unsafe munmap(mapping, mappedCount)
    }

    /// Calls `body` with the bytes.
    package func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        // The mapping lives as long as this object, and nobody writes to it.
        let bytes = unsafe UnsafeRawBufferPointer(start: mapping.advanced(by: start), count: count)
        return unsafe body(bytes.bindMemory(to: UInt8.self).span)
    }
}
