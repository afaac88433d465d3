// Who waits for a visit of EventHub or RunFeeds: each of them serves a bounded number in a turn.

/// First in, first out, without moving what waits.
struct VisitQueue<Visited: AnyObject> {
    private var waiting: [Visited?] = []
    private var first = 0

    var count: Int { waiting.count - first }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ visited: Visited) { waiting.append(visited) }

    mutating func take() -> Visited? {
        guard first < waiting.count else { return nil }
        let taken = waiting[first]
        waiting[first] = nil
        first += 1
        if first == waiting.count {
            waiting.removeAll(keepingCapacity: waiting.capacity <= 1_024)
            first = 0
        } else if first >= 4_096, first * 2 >= waiting.count {
            waiting.removeFirst(first)
            first = 0
        }
        return taken
    }
}
