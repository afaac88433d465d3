// The pool of local ports: each is with one tether at most, and those of others are passed over.

import TestSupport
import Testing

@testable import Gretl
@testable import NetCore

@Suite struct PortPoolTests {
    @Test func everyPortIsGivenOnceAndThenNone() async throws {
        let given = try await onReactor {
            let pool = PortPool(100...109) { $0 == 104 }
            let ports = (0..<12).map { _ in pool.take() }
            #expect(pool.heldCount == 9)
            pool.giveBack(107)
            #expect(pool.take() == 107)
            return ports
        }
        #expect(Set(given.compactMap { $0 }) == Set(100...109).subtracting([104]))
        #expect(given.suffix(3) == [nil, nil, nil])
    }

    @Test func aPortThatWentBackComesLastAndToWhoeverHadItFirst() async throws {
        try await onReactor {
            let pool = PortPool(100...103) { _ in false }
            let first = try #require(pool.take())
            pool.giveBack(first)
            #expect(pool.take() != first)
            #expect(pool.take(preferring: first) == first)
            #expect(pool.take(preferring: first) != nil, "another one when it is taken")
            #expect(pool.take(preferring: 99) != nil, "another one when it is not in the range")
        }
    }

    @Test func portsThatTethersRememberAreTakenLast() async throws {
        try await onReactor {
            let pool = PortPool(100...103) { _ in false }
            let remembered: Set<UInt16> = [100, 101]
            let ports = (0..<4).map { _ in pool.take { remembered.contains($0) } }
            #expect(Set(ports.prefix(2)) == [102, 103])
            #expect(Set(ports.suffix(2)) == [100, 101])
        }
    }
}
