// The byte searches with SSE2, which every x86-64 has: sixteen bytes at a time.
//
// A search near the limit loads the last sixteen bytes before it and shifts the mask, so it never
// reads outside and needs no byte loop. Heads are parsed through this on x86-64 (Scanner.swift).

#if arch(x86_64)
    internal import CMovemask

    enum VectorScanner: ByteScanner {
        /// The sixteen bytes from `at`, or the last sixteen before `limit`, and by how many bytes
        /// the load starts early. `limit` is at least 16.
        @inline(__always)
        private static func load(
            _ bytes: Span<UInt8>, _ at: Int, _ limit: Int
        ) -> (lanes: SIMD16<UInt8>, early: UInt32) {
            let base = min(at, limit &- 16)
            return (bytes.vector(at: base), UInt32(truncatingIfNeeded: at &- base))
        }

        /// The first byte from `start` on that `others` has a bit for, or `limit`. Needs
        /// `limit` >= 16.
        @inline(__always)
        private static func end(
            _ bytes: Span<UInt8>, _ start: Int, _ limit: Int,
            _ others: (SIMD16<UInt8>) -> UInt32
        ) -> Int {
            precondition(start >= 0 && limit >= 16 && limit <= bytes.count)
            let last = limit &- 16
            var at = start
            // Both loads are proven: 0 <= at <= last, and sixteen bytes stand from last on.
            while at <= last {
                let other = others(bytes.vector(proven: at))
                if other != 0 { return at &+ other.trailingZeroBitCount }
                at &+= 16
            }
            guard at < limit else { return limit }
            let early = UInt32(truncatingIfNeeded: at &- last)
            let other = others(bytes.vector(proven: last)) &>> early
            return other != 0 ? at &+ other.trailingZeroBitCount : limit
        }

        @inline(__always)
        static func plainEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
            guard limit >= 16 else { return WordScanner.plainEnd(bytes, start, limit) }
            return end(bytes, start, limit) { movemask_no_plain($0) }
        }

        @inline(__always)
        static func pathEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
            guard limit >= 16 else { return WordScanner.pathEnd(bytes, start, limit) }
            return end(bytes, start, limit) { movemask_no_path($0) }
        }

        @inline(__always)
        static func targetEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
            guard limit >= 16 else { return WordScanner.targetEnd(bytes, start, limit) }
            return end(bytes, start, limit) { movemask_no_graphic($0) }
        }

        static var blockBytes: Int { 64 }
        static var bitsShift: Int { 0 }

        @inline(__always)
        static func controls(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> UInt64 {
            guard start &+ 64 <= limit, let block = bytes.block(at: start) else {
                return lastControls(bytes, start, limit)
            }
            let a = UInt64(movemask_control(block.0))
            let b = UInt64(movemask_control(block.1))
            let c = UInt64(movemask_control(block.2))
            let d = UInt64(movemask_control(block.3))
            return a | b &<< 16 | c &<< 32 | d &<< 48
        }

        /// A block that ends at the limit.
        @inline(__always)
        private static func lastControls(
            _ bytes: Span<UInt8>, _ start: Int, _ limit: Int
        ) -> UInt64 {
            guard limit >= 16 else { return shortControls(bytes, start, limit) }
            var found: UInt64 = 0
            var at = start
            while at < limit {
                let (lanes, early) = load(bytes, at, limit)
                let bits = UInt64(movemask_control(lanes) &>> early)
                found |= bits &<< UInt64(truncatingIfNeeded: at &- start)
                at &+= 16
            }
            return found
        }

        @inline(never)
        private static func shortControls(
            _ bytes: Span<UInt8>, _ start: Int, _ limit: Int
        ) -> UInt64 {
            var found: UInt64 = 0
            for at in start..<limit where bytes[at] < 0x20 || bytes[at] == 0x7F {
                found |= 1 &<< UInt64(at &- start)
            }
            return found
        }
    }
#endif
