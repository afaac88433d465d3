// What a client wants to hear, from the query of its request: by type and by service. Frames of the
// stream itself (stream.gap, stream.snapshot) and pings pass every filter.

/// A choice of events.
package struct EventFilter: Equatable, Sendable {
    private let mask: UInt32
    /// Percent-encoded names; nil: all.
    let services: Set<String>?

    /// Reads the lists of `?types=` and `?services=`; nil when neither narrows anything.
    package init?(types: String?, services: String?) throws(APIError) {
        guard types != nil || services != nil else { return nil }
        var mask: UInt32 = types == nil ? .max : 0
        for word in try EventFilter.words(types, "types") {
            let found = EventType.mask(word)
            guard found != 0 else {
                throw .invalid(
                    "'types' names '\(word.prefix(80))', which no event has",
                    hint: "the types are \(EventType.kept.joined(separator: ", ")), "
                        + "service.stats, and beginnings such as service.*")
            }
            mask |= found
        }
        self.mask = mask
        var names: Set<String>?
        if services != nil {
            names = Set(
                try EventFilter.words(services, "services").map { ServiceNames.encode(String($0)) })
        }
        self.services = names
    }

    private static func words(_ list: String?, _ key: String) throws(APIError) -> [Substring] {
        guard let list else { return [] }
        let words = list.split(separator: ",")
        guard !words.isEmpty, words.count <= EventLimits.filterWords else {
            throw .invalid(
                "'\(key)' has \(words.count) words", hint: "give 1 to \(EventLimits.filterWords)")
        }
        return words
    }

    /// Whether the client wants `event`.
    func passes(_ event: KeptEvent) -> Bool {
        guard mask & event.type.bit != 0 else { return false }
        guard let services else { return true }
        return event.subjects.contains { services.contains($0) }
    }

    var passesStats: Bool { mask & EventType.stats.bit != 0 }
}
