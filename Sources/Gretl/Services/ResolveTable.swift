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

    /// The answer for `name`, nil when unknown or no longer good at `now`.
    @inline(__always)
    package func find(_ name: Span<UInt8>, at now: Instant) -> PreparedAnswer? {
        let index = index(of: name, hash(name))
        guard index >= 0, unsafe entries[index].goodUntil > now else { return nil }
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
            hash: hash, name: FlatArray(bytes), answer: answer, goodUntil: goodUntil)
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

    /// FNV-1a with a seed, and a final mix so that the low bits depend on every byte.
    @inline(__always)
    private func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var hash = 0xcbf2_9ce4_8422_2325 ^ seed
        for index in bytes.indices {
            hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
        }
        hash ^= hash >> 32
        return hash
    }
}
