// That the comparison of tokens takes a time that does not depend on where they differ. Measured
// time would tell that on a quiet machine only; the kernel knows exactly which pages were read.

import Glibc
import Gretl
import TestSupport
import Testing

/// Zeros on pages that nobody has touched yet.
@safe
private final class UntouchedPages {
    private let mapping: UnsafeMutableRawPointer
    private let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    private let pages: Int

    var count: Int { pages * page }

    init?(_ pages: Int) {
        self.pages = pages
        let mapping = unsafe mmap(
            nil, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else { return nil }
        unsafe self.mapping = mapping
        // One large page would be read as a whole.
        _ = unsafe madvise(mapping, pages * page, MADV_NOHUGEPAGE)
    }

    deinit {
        // This object made the mapping and nobody else unmaps it.
        unsafe munmap(mapping, pages * page)
    }

    /// The first byte becomes 1.
    func spoil() { unsafe mapping.storeBytes(of: 1, as: UInt8.self) }

    /// How many pages were read or written.
    var touched: Int {
        var states = [UInt8](repeating: 0, count: pages)
        // One byte a page, as the array has.
        guard unsafe mincore(mapping, pages * page, &states) == 0 else { return -1 }
        return states.count { $0 & 1 == 1 }
    }

    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        // The mapping lives as long as this object, and nobody writes to it meanwhile.
        let bytes = unsafe UnsafeRawBufferPointer(start: mapping, count: pages * page)
        return unsafe body(bytes.bindMemory(to: UInt8.self).span)
    }
}

struct SecretTests {
    @Test(arguments: [4, 16 * 4_096, 40 * 4_096])
    func `A wrong first byte does not end a comparison`(length: Int) throws {
        let candidate = try #require(UntouchedPages(16))
        candidate.spoil()
        try #require(candidate.touched == 1)
        let secret = Secret(String(repeating: "\0", count: length))
        let isEqual = candidate.withSpan { secret.matches($0) }
        #expect(!isEqual)
        #expect(candidate.touched == 16)
    }
}
