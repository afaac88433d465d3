// What a request for the stream asks for. The id to go on from comes in the header Last-Event-ID;
// clients that cannot set headers give it in the query. The header wins, because a browser repeats
// the query of its first request when it connects again.

/// A decoded request for events.
package struct EventQuery: Equatable, Sendable {
    /// Where the client wants to begin.
    package enum Start: Equatable, Sendable {
        /// With what happens from now on.
        case now
        /// With the oldest event that is kept.
        case oldest
        case after(Int64)
        /// It names an id that is none.
        case invalid
    }

    package var start: Start
    package var filter: EventFilter?
    package var wantsSnapshot: Bool
    package var wantsStats: Bool
    package var wantsTimes: Bool

    /// `headers` are the values of Last-Event-ID.
    package init(header: String?, query: (String) -> String?) throws(APIError) {
        filter = try EventFilter(types: query("types"), services: query("services"))
        wantsSnapshot = try QueryWord.flag("snapshot", query("snapshot"))
        wantsTimes = try QueryWord.flag("times", query("times"))
        let stats = try QueryWord.flag("stats", query("stats") ?? "1")
        wantsStats = stats && filter?.passesStats ?? true
        start = .now
        if let since = query("since") {
            guard let id = EventQuery.id(since) else {
                throw .invalid("'since' is not the id of an event", hint: "0 is the oldest kept")
            }
            start = id == 0 ? .oldest : .after(id)
        }
        for value in [query("lastEventId"), header] {
            guard let value, !value.isEmpty else { continue }
            start = EventQuery.id(value).map { .after($0) } ?? .invalid
        }
    }

    private static func id(_ text: String) -> Int64? {
        guard (1...16).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let id = Int64(text),
            id <= EventNumbers.most
        else { return nil }
        return id
    }
}
