// Name -> finished answer: the hot path. An open-addressed table keyed by the bytes of the name as
// they stand in the request, so that a look-up allocates nothing, decodes nothing and renders
// nothing; answers are rendered when a service changes.

package import NetCore

/// Finished answers of GET /v1/resolve/{name}.
@ReactorActor
package struct ResolveTable: ~Copyable {
    private struct Entry {
        var hash: UInt64
        var name: [UInt8]
        var answer: PreparedAnswer
        /// The answer depends on who listens now (services that others run).
        var isExternal: Bool
    }

    /// Indices into `entries`, -1 for empty; twice as many as entries at least.
    private var places: [Int32]
    private var entries: [Entry] = []
    /// Names are chosen by users: a fixed hash could be flooded.
    private let seed: UInt64

    package init(seed: UInt64 = .random(in: .min ... .max)) {
        self.seed = seed
        places = [Int32](repeating: -1, count: 64)
    }

    package var count: Int { entries.count }

    /// The answer for `name`, nil when unknown. `isExternal` tells that it may be out of date.
    @inline(__always)
    package func find(_ name: Span<UInt8>) -> (answer: PreparedAnswer, isExternal: Bool)? {
        let hash = hash(name)
        let index = index(of: name, hash)
        return index < 0 ? nil : (entries[index].answer, entries[index].isExternal)
    }

    /// The entry of `name`, -1 when unknown.
    @inline(__always)
    private func index(of name: Span<UInt8>, _ hash: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
        // Ends: at least half of the places are empty.
        while true {
            let index = Int(places[place])
            guard index >= 0 else { return -1 }
            if entries[index].hash == hash, isEqual(entries[index].name, name) { return index }
            place = (place + 1) & (places.count - 1)
        }
    }

    /// Sets or replaces the answer for `name`.
    package mutating func set(_ name: String, _ answer: PreparedAnswer, isExternal: Bool) {
        let bytes = Array(name.utf8)
        let hash = hash(bytes.span)
        let index = index(of: bytes.span, hash)
        if index >= 0 {
            entries[index].answer = answer
            entries[index].isExternal = isExternal
            return
        }
        entries.append(Entry(hash: hash, name: bytes, answer: answer, isExternal: isExternal))
        rebuildIfFull()
        insert(entries.count - 1)
    }

    /// Forgets `name`.
    package mutating func remove(_ name: String) {
        let bytes = Array(name.utf8)
        guard let index = entries.firstIndex(where: { $0.name == bytes }) else { return }
        entries.swapAt(index, entries.count - 1)
        entries.removeLast()
        rebuild(places.count)
    }

    private mutating func insert(_ index: Int) {
        var place = Int(truncatingIfNeeded: entries[index].hash) & (places.count - 1)
        while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
        places[place] = Int32(index)
    }

    private mutating func rebuildIfFull() {
        guard entries.count * 2 > places.count else { return }
        rebuild(places.count * 2, skippingLast: true)
    }

    private mutating func rebuild(_ capacity: Int, skippingLast: Bool = false) {
        places = [Int32](repeating: -1, count: capacity)
        for index in 0..<(entries.count - (skippingLast ? 1 : 0)) { insert(index) }
    }

    @inline(__always)
    private func isEqual(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }

    /// FNV-1a with a seed, and a final mix so that the low bits depend on every byte.
    @inline(__always)
    private func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var hash = 0xcbf2_9ce4_8422_2325 ^ seed
        for index in 0..<bytes.count {
            hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
        }
        hash ^= hash >> 32
        return hash
    }
}
