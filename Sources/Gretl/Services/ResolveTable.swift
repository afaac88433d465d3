// Name -> finished answer: the hot path. An open-addressed table keyed by the bytes of the name as
// they stand in the request, so that a look-up allocates nothing, decodes nothing and renders
// nothing; answers are rendered when a service changes.

package import NetCore

/// Finished answers of GET /v1/resolve/{name}.
@safe  // owns its memory: `entries` holds `count` values, `places` indices below it or -1
package final class ResolveTable {
    private struct Entry: ~Copyable {
        var hash: UInt64
        var name: FlatArray<UInt8>
        var answer: PreparedAnswer
        /// From then on the answer has to be looked at again (services that others run).
        var goodUntil: Instant
        /// The name means itself in a path: unreserved characters only (RFC 3986 section 2.3).
        var isPlain: Bool
    }

    // Memory of its own and no arrays: a look-up through an array property counts references.
    private var entries: UnsafeMutablePointer<Entry>
    private var entriesRoom = 64
    package private(set) var count = 0
    /// Twice as many as entries at least, a power of two.
    private var places: UnsafeMutablePointer<Int32>
    private var placeMask = 127
    /// Names are chosen by users: a fixed hash could be flooded.
    private let seed: UInt64

    package init(seed: UInt64 = .random(in: .min ... .max)) {
        self.seed = seed
        unsafe entries = .allocate(capacity: 64)
        unsafe places = .allocate(capacity: 128)
        unsafe places.initialize(repeating: -1, count: 128)
    }

    deinit {
        unsafe entries.deinitialize(count: count)
        unsafe entries.deallocate()
        unsafe places.deallocate()
    }

    /// The answer for `name`, nil when unknown or no longer good at `now`; with `plainOnly` also
    /// when the name holds a character that may mean something else in a path.
    @inline(__always)
    package func find(
        _ name: Span<UInt8>, at now: Instant, plainOnly: Bool = false
    ) -> PreparedAnswer? {
        let index = index(of: name, hash(name))
        guard index >= 0, unsafe entries[index].goodUntil > now,
            !plainOnly || (unsafe entries[index].isPlain)
        else { return nil }
        return unsafe entries[index].answer
    }

    /// Sets or replaces the answer for `name`.
    package func set(_ name: String, _ answer: PreparedAnswer, goodUntil: Instant) {
        let bytes = Array(name.utf8)
        let hash = hash(bytes.span)
        let known = index(of: bytes.span, hash)
        guard known < 0 else {
            unsafe entries[known].answer = answer
            unsafe entries[known].goodUntil = goodUntil
            return
        }
        if count == entriesRoom { grow() }
        let entry = Entry(
            hash: hash, name: FlatArray(bytes), answer: answer, goodUntil: goodUntil,
            isPlain: ServiceNames.isPlain(name))
        unsafe (entries + count).initialize(to: entry)
        count += 1
        place(count - 1)
    }

    /// Forgets `name`.
    package func remove(_ name: String) {
        let bytes = Array(name.utf8)
        let index = index(of: bytes.span, hash(bytes.span))
        guard index >= 0 else { return }
        count -= 1
        let last = unsafe (entries + count).move()
        if index != count { unsafe (entries + index).pointee = last }
        placeAll()
    }

    @inline(__always)
    private func index(of name: Span<UInt8>, _ hash: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: hash) & placeMask
        // Ends: at least half of the places are empty.
        while true {
            let index = Int(unsafe places[place])
            guard index >= 0 else { return -1 }
            if unsafe entries[index].hash == hash, unsafe entries[index].name.isEqual(to: name) {
                return index
            }
            place = (place + 1) & placeMask
        }
    }

    private func place(_ index: Int) {
        var place = Int(truncatingIfNeeded: unsafe entries[index].hash) & placeMask
        while unsafe places[place] >= 0 { place = (place + 1) & placeMask }
        unsafe places[place] = Int32(index)
    }

    private func placeAll() {
        unsafe places.update(repeating: -1, count: placeMask + 1)
        for index in 0..<count { place(index) }
    }

    private func grow() {
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: entriesRoom * 2)
        unsafe bigger.moveInitialize(from: entries, count: count)
        unsafe entries.deallocate()
        unsafe entries = bigger
        entriesRoom *= 2
        unsafe places.deallocate()
        unsafe places = .allocate(capacity: entriesRoom * 2)
        placeMask = entriesRoom * 2 - 1
        unsafe places.initialize(repeating: -1, count: entriesRoom * 2)
        placeAll()
    }

    /// Eight bytes at a time, each mixed in by a multiplication of 128 bits: byte by byte, the
    /// products of a name wait for each other (4 cycles a byte).
    @inline(__always)
    private func hash(_ bytes: Span<UInt8>) -> UInt64 {
        let count = bytes.count
        return unsafe bytes.withUnsafeBytes { bytes in
            var hash = seed ^ UInt64(count)
            var at = 0
            while at &+ 8 < count {
                // In bounds by the loop's condition.
                hash = Self.mix(
                    hash ^ (unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
                at &+= 8
            }
            var last: UInt64 = 0
            if count >= 8 {
                last = unsafe bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            } else {
                for index in 0..<count { last = last << 8 | UInt64(unsafe bytes[index]) }
            }
            return Self.mix(hash ^ last)
        }
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
