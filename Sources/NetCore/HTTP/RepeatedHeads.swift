// Request heads that come again. A client sends the same head with every request, but for the name
// it asks about: an SDK that resolves services repeats some hundred bytes thousands of times a
// second. The server keeps the last few heads that were parsed and admitted, cut around their path
// parameter; a head that is equal in every other byte means the same, so it is neither parsed nor
// checked again (docs/decisions/0010). Used by HTTPConnection; it must never match a head that the
// parser, the gate or the router would judge otherwise.

import Glibc

/// The heads of a server that were admitted last.
@safe  // owns its memory; offsets into it are made from checked counts
final class RepeatedHeads {
    /// A head that was there before.
    struct Match {
        var route: Int
        /// Where the path parameter stands in the head.
        var parameterStart: Int
        var parameterEnd: Int
        /// Length of the head.
        var length: Int
    }

    private struct Entry {
        var prefixCount = 0
        var suffixCount = 0
        var route = 0
        /// Mark of the connection it was admitted on: the gate's verdict can depend on it.
        var mark: UInt8 = 0
    }

    /// Clients that put something new into each request gain nothing here: after so many misses
    /// only one request in `lookEvery` is compared and kept.
    private static let missesMost = 64
    private static let lookEvery = 32

    private let entries: UnsafeMutablePointer<Entry>
    private let memory: UnsafeMutablePointer<UInt8>
    private var used = 0
    /// The entry that matched last.
    private var last = 0
    private var next = 0
    /// Requests since the last match.
    private var misses = 0
    /// Whether a head that is parsed now is worth keeping.
    private(set) var isLooking = true

    init() {
        unsafe entries = .allocate(capacity: Limits.repeatedHeads)
        unsafe entries.initialize(repeating: Entry(), count: Limits.repeatedHeads)
        unsafe memory = .allocate(capacity: Limits.repeatedHeads * Limits.repeatedHeadBytes)
    }

    deinit {
        unsafe entries.deallocate()
        unsafe memory.deallocate()
    }

    /// The head at the start of `bytes`, when it is a known one.
    @inline(__always)
    func find(_ bytes: UnsafeBufferPointer<UInt8>, mark: UInt8) -> Match? {
        if used > 0, misses == 0, let match = unsafe compare(last, bytes, mark) { return match }
        return unsafe findOther(bytes, mark)
    }

    @inline(never)
    private func findOther(_ bytes: UnsafeBufferPointer<UInt8>, _ mark: UInt8) -> Match? {
        misses &+= 1
        isLooking = misses < RepeatedHeads.missesMost || misses % RepeatedHeads.lookEvery == 0
        guard isLooking else { return nil }
        for index in 0..<used {
            guard let match = unsafe compare(index, bytes, mark) else { continue }
            last = index
            misses = 0
            return match
        }
        return nil
    }

    private func compare(
        _ index: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ mark: UInt8
    ) -> Match? {
        let entry = unsafe entries[index]
        let start = entry.prefixCount
        // What the parameter can have at most if all of the head is there.
        let room = bytes.count - start - entry.suffixCount
        guard room > 0, entry.mark == mark, let head = bytes.baseAddress else { return nil }
        let kept = unsafe memory + index * Limits.repeatedHeadBytes
        guard unsafe memcmp(head, kept, start) == 0 else { return nil }
        // The suffix begins with the space behind the target.
        let most = min(room, Limits.repeatedParameterBytes)
        guard let space = unsafe memchr(head + start, 0x20, most + 1) else { return nil }
        let end = unsafe UnsafeRawPointer(space) - UnsafeRawPointer(head)
        guard end > start, unsafe memcmp(space, kept + start, entry.suffixCount) == 0 else {
            return nil
        }
        return Match(
            route: entry.route, parameterStart: start, parameterEnd: end,
            length: end + entry.suffixCount)
    }

    /// Keeps a head whose path ends with the parameter from `start` to `end`.
    func keep(
        _ head: UnsafeBufferPointer<UInt8>, parameterStart start: Int, parameterEnd end: Int,
        route: Int, mark: UInt8
    ) {
        guard head.count <= Limits.repeatedHeadBytes, start > 0, end > start, end < head.count,
            end - start <= Limits.repeatedParameterBytes, unsafe head[end] == 0x20,
            let bytes = head.baseAddress
        else { return }
        let kept = unsafe memory + next * Limits.repeatedHeadBytes
        unsafe kept.update(from: bytes, count: start)
        unsafe (kept + start).update(from: bytes + end, count: head.count - end)
        unsafe entries[next] = Entry(
            prefixCount: start, suffixCount: head.count - end, route: route, mark: mark)
        last = next
        used = max(used, next + 1)
        next = next + 1 == Limits.repeatedHeads ? 0 : next + 1
    }
}
