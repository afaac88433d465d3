// Looks host names up, which can take many seconds: on a thread of its own, so that nothing else
// waits for a name server that does not answer. Started with the first name; answers are kept for a
// while. Used where sockets are connected without libcurl, which has its own way.

import Glibc
package import NetCore

/// The addresses of names.
@ReactorActor
package final class NameLookup {
    /// Why there is no address: English.
    package struct Failure: Error, Equatable, Sendable {
        package var text: String
    }

    private struct Known {
        var addresses: [String]
        var until: Instant
    }

    private let reactor: Reactor
    private var thread: BackgroundThread?
    private var known: [String: Known] = [:]

    /// Names that are kept, for how long, and look-ups that may wait.
    private static let knownMost = 256
    private static let keptFor = Duration.seconds(30)
    private static let waitingMost = 64
    private nonisolated static let addressesMost = 4

    package init(on reactor: Reactor) { self.reactor = reactor }

    /// Numeric addresses of `host`, in the order to try them; itself when it is one.
    package func addresses(of host: String) async throws(Failure) -> [String] {
        if SocketAddress(host, port: 1) != nil { return [host] }
        if let answer = known[host], answer.until > reactor.now { return answer.addresses }
        let found: [String]
        do {
            if thread == nil {
                thread = try BackgroundThread(name: "gr-names", capacity: NameLookup.waitingMost)
            }
            found = try await thread?.perform { NameLookup.ask(host) } ?? []
        } catch { throw Failure(text: "too many names are being looked up") }
        guard !found.isEmpty else { throw Failure(text: "the name '\(host)' is not known") }
        if known.count >= NameLookup.knownMost { known = [:] }
        known[host] = Known(addresses: found, until: reactor.now + NameLookup.keptFor)
        return found
    }

    /// Blocks.
    private nonisolated static func ask(_ host: String) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        // The list is freed below, and only read until then.
        guard unsafe getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { unsafe freeaddrinfo(first) }
        var found: [String] = []
        var next = unsafe first
        while let entry = unsafe next, found.count < addressesMost {
            unsafe next = entry.pointee.ai_next
            var text = [CChar](repeating: 0, count: 64)
            guard
                unsafe getnameinfo(
                    entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, 64, nil, 0,
                    NI_NUMERICHOST) == 0
            else { continue }
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            found.append(String(decoding: bytes, as: UTF8.self))
        }
        return found
    }
}
