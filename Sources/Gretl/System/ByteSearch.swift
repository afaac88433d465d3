// Looks for bytes in bytes, with the C library's quick search where it has one. Pure.

import Glibc

/// Searches in memory.
package enum ByteSearch {
    /// The first `byte` in a part of `bytes`.
    package static func first(
        _ byte: UInt8, in bytes: Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count, !range.isEmpty else {
            return nil
        }
        return unsafe bytes.withUnsafeBytes { memory in
            // The range is inside the memory, which lives for the call.
            let start = unsafe memory.baseAddress! + range.lowerBound
            guard let found = unsafe memchr(start, Int32(byte), range.count) else { return nil }
            return unsafe range.lowerBound + (UnsafeRawPointer(found) - start)
        }
    }

    /// The last `byte` in a part of `bytes`.
    package static func last(
        _ byte: UInt8, in bytes: Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
        var index = min(range.upperBound, bytes.count) - 1
        while index >= max(0, range.lowerBound) {
            if bytes[index] == byte { return index }
            index -= 1
        }
        return nil
    }

    /// Whether `needle`, which is not empty, is somewhere in `bytes`.
    package static func contains(_ needle: Span<UInt8>, in bytes: Span<UInt8>) -> Bool {
        place(of: needle, in: bytes, from: 0) != nil
    }

    /// Where `needle`, which is not empty, is first in `bytes`, at `start` or after.
    package static func place(
        of needle: Span<UInt8>, in bytes: Span<UInt8>, from start: Int
    ) -> Int? {
        var at = start
        while bytes.count - at >= needle.count {
            let starts = at..<bytes.count - needle.count + 1
            guard let found = first(needle[0], in: bytes, starts) else { return nil }
            if isEqual(needle, bytes, at: found) { return found }
            at = found + 1
        }
        return nil
    }

    /// The same, where an ASCII letter in `bytes` counts as its small one; `needle` has only those.
    package static func containsIgnoringCase(
        _ needle: Span<UInt8>, in bytes: Span<UInt8>
    ) -> Bool {
        guard bytes.count >= needle.count else { return false }
        for start in 0...bytes.count - needle.count where lower(bytes[start]) == needle[0] {
            var index = 1
            while index < needle.count, lower(bytes[start + index]) == needle[index] { index += 1 }
            if index == needle.count { return true }
        }
        return false
    }

    /// An ASCII capital letter as a small one, everything else as it is.
    package static func lower(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }

    private static func isEqual(
        _ needle: Span<UInt8>, _ bytes: Span<UInt8>, at start: Int
    ) -> Bool {
        for index in 0..<needle.count where bytes[start + index] != needle[index] { return false }
        return true
    }
}
