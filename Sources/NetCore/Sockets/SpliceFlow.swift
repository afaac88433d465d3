// One socket of a SplicePair and the bytes that arrive on it, on their way to the other one. Moves
// them and says what came of it; what follows for the registrations and for the life of the pair
// is SplicePair's. Must never hold a pipe when no bytes are in it.

internal import CEpoll
import Glibc

/// The bytes from one socket to another.
@ReactorActor
final class SpliceFlow: EventHandler {
    /// What a move came to.
    enum Outcome: Equatable {
        /// Go on when the kernel reports something.
        case goesOn
        /// The source has ended and everything is with the sink's kernel.
        case ended
        case sourceFailed(SystemError)
        case sinkFailed(SystemError)
    }

    let descriptor: Int32
    private let isNear: Bool
    /// Empty once the pair is over.
    var pair: SplicePair?
    var registration = Registration.none
    private(set) var moved: UInt64 = 0
    private var pipe = PipePool.Pipe.none
    private var pending: Int32 = 0
    /// The sink takes nothing more now: nothing is read until it does.
    private(set) var isBlocked = false
    private(set) var hasEnded = false
    /// Stands in the splicer's line.
    var isQueued = false

    init(_ descriptor: Int32, isNear: Bool) {
        self.descriptor = descriptor
        self.isNear = isNear
    }

    var wantsSource: Bool { !hasEnded && !isBlocked }

    func ready(_ mask: EventMask) { pair?.ready(isNear: isNear, mask) }

    /// The sink is writable again.
    func unblock() { isBlocked = false }

    /// Moves what there is, until this turn has had enough.
    func move(to sink: Int32, _ splicer: Splicer) -> Outcome {
        let pool = splicer.pool
        var budget = splicer.bytesPerTurn
        var isEmptied = false
        for round in 0..<Limits.splicesPerTurn {
            if pending > 0 {
                if let outcome = drain(to: sink, pool) { return outcome }
                if isEmptied { return .goesOn }
            }
            guard budget > 0, round == 0 || !splicer.isSliceOver else { return .goesOn }
            if pipe.isNone { pipe = pool.borrow() }
            let outcome =
                pipe.isNone
                ? copy(to: sink, pool, &budget)
                : fill(to: sink, pool, &budget, of: splicer.bytesPerTurn)
            if let outcome { return outcome }
            isEmptied = pending > 0 && pending < Limits.spliceBytesLeast
        }
        // Whatever is still in the pipe waits for the next turn, as if the sink were full.
        isBlocked = pending > 0
        return .goesOn
    }

    /// Source to pipe; nil when there is something to drain.
    private func fill(
        to sink: Int32, _ pool: PipePool, _ budget: inout Int, of bytesPerTurn: Int
    ) -> Outcome? {
        let count = cepoll_splice(
            descriptor, pipe.writer, min(budget, Limits.spliceCallBytes))
        if count > 0 {
            pending = Int32(clamping: count)
            budget -= count
            return nil
        }
        release(pool)
        // An urgent byte stops splice(2) before it, as if nothing were there, and for good; recv(2)
        // passes over it. So an end is one only when recv says so, and likewise a wait.
        let isStart = budget == bytesPerTurn
        if count == 0 || (count == -Int(EAGAIN) && isStart) { return copy(to: sink, pool, &budget) }
        if count == -Int(EINVAL) || count == -Int(ENOSYS) {
            pool.giveUpSplicing()
            return nil
        }
        return read(count)
    }

    /// Pipe to sink; nil when the pipe is empty.
    private func drain(to sink: Int32, _ pool: PipePool) -> Outcome? {
        let count = cepoll_splice(pipe.reader, sink, Int(pending))
        guard count > 0 else {
            // The pipe has bytes: a 0 is no answer.
            return count == 0 ? .sinkFailed(SystemError("splice", -EIO)) : written(count)
        }
        moved &+= UInt64(count)
        pending -= Int32(clamping: count)
        // A call that took less has filled the socket; another would only say so.
        guard pending == 0 else { return block() }
        release(pool)
        return nil
    }

    private func copy(to sink: Int32, _ pool: PipePool, _ budget: inout Int) -> Outcome? {
        switch pool.copy(from: descriptor, to: sink, atMost: budget) {
        case .read(0): return end()
        case .read(let code): return read(code)
        case .written(let count, let seen):
            guard count > 0 else { return written(count) }
            moved &+= UInt64(count)
            budget -= count
            return count < seen ? block() : nil
        }
    }

    private func end() -> Outcome {
        hasEnded = true
        return .ended
    }

    private func block() -> Outcome {
        isBlocked = true
        return .goesOn
    }

    private func read(_ code: Int) -> Outcome {
        let error = SystemError("splice", code)
        return error.kind == .wouldBlock ? .goesOn : .sourceFailed(error)
    }

    private func written(_ code: Int) -> Outcome {
        let error = SystemError("splice", code)
        return error.kind == .wouldBlock ? block() : .sinkFailed(error)
    }

    /// Gives the pipe back, if there is one.
    func release(_ pool: PipePool) {
        pool.giveBack(pipe, isEmpty: pending == 0)
        pipe = .none
        pending = 0
    }

    func checkInvariants() {
        precondition(pipe.isNone == (pending == 0), "a pipe is held exactly while bytes are in it")
        precondition(pending == 0 || isBlocked, "bytes wait only for the sink")
        precondition(!(hasEnded && isBlocked))
    }
}
