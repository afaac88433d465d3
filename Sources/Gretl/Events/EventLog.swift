// The events of this home folder: numbered, kept for replay in memory and in a file. What happened
// in a turn is written with one write before anybody is told; a write that fails is counted and
// said once, and stops nothing. A start finds the last events again and goes on with the next id,
// or, when it cannot know which was the last, skips ahead, which resuming clients are told of.

package import NetCore

/// The kept events.
@ReactorActor
package final class EventLog {
    /// What went wrong so far.
    package struct Counts: Equatable, Sendable {
        /// Events that are in no file.
        package var notWritten = 0
        /// Events that got no id and reached nobody.
        package var notNumbered = 0
    }

    package private(set) var ring: EventRing
    package private(set) var counts = Counts()
    private let reactor: Reactor
    private let numbers: EventNumbers
    private let place: EventFilePlace?
    /// Lines that are in no file yet.
    private var unwritten: [UInt8] = []
    private var unwrittenCount = 0

    /// A log that keeps nothing beyond the end of the process.
    package init(inMemoryOn reactor: Reactor) {
        EventLimits.check()
        self.reactor = reactor
        ring = EventRing()
        numbers = EventNumbers(on: reactor, next: 1, mark: EventNumbers.most) { _ in }
        place = nil
    }

    private init(
        on reactor: Reactor, ring: EventRing, numbers: EventNumbers, place: EventFilePlace
    ) {
        EventLimits.check()
        self.reactor = reactor
        self.ring = ring
        self.numbers = numbers
        self.place = place
    }

    /// Opens the log at `path`. Reservations of ids are kept in `facts`. Only what makes ids repeat
    /// is a failure: without its file the log works on.
    package static func open(
        _ path: String, boot: String, facts: MetaStore, background: BackgroundThread,
        on reactor: Reactor
    ) async throws(StorageError) -> EventLog {
        let place = EventFilePlace(path, boot: boot, background: background, on: reactor)
        let found = await place.read()
        let mark = try await facts.mark()
        let loaded = EventFileLines(found)
        var ring = EventRing()
        for event in loaded.events where event.id >= ring.nextID { ring.append(event) }
        let first = EventNumbers.first(
            mark: mark, seen: max(ring.nextID, found?.header?.nextID ?? 1),
            isCertain: loaded.isCertain(boot: boot))
        ring.nextID = max(ring.nextID, first)
        let numbers = EventNumbers(on: reactor, next: ring.nextID, mark: mark ?? 1) {
            mark throws(StorageError) in
            try await facts.setMark(mark)
        }
        // A full disk is no reason not to start: the ids go on beyond what is reserved.
        try? await numbers.reserve()
        await place.open(found, loaded, ring)
        return EventLog(on: reactor, ring: ring, numbers: numbers, place: place)
    }

    /// Numbers and keeps an event; false when there was no number for it.
    package func append(_ event: Event) -> Bool {
        guard let id = numbers.take() else {
            counts.notNumbered += 1
            return false
        }
        let kept = KeptEvent(event, id: id, time: reactor.wallNanoseconds() / 1_000_000)
        ring.append(kept)
        if place != nil {
            kept.write(to: &unwritten)
            unwrittenCount += 1
        }
        return true
    }

    /// Writes what was appended since the last time. To be called before anybody is told of it.
    package func write() {
        guard unwrittenCount > 0, let place else { return }
        if !place.append(unwritten, count: unwrittenCount, nextID: ring.nextID) {
            counts.notWritten += unwrittenCount
        }
        unwritten.removeAll(keepingCapacity: unwritten.count <= 16_384)
        unwrittenCount = 0
    }
}

extension MetaStore {
    private static let markKey = "events.reserved"

    /// The id up to which ids are reserved, nil before the first start.
    func mark() async throws(StorageError) -> Int64? {
        guard let text = try await value(MetaStore.markKey) else { return nil }
        // Rather no start than ids that repeat.
        guard let mark = Int64(text), mark > 0 else {
            throw .other("the reservation of event ids cannot be read")
        }
        return mark
    }

    func setMark(_ mark: Int64) async throws(StorageError) {
        try await set(MetaStore.markKey, String(mark))
    }
}
