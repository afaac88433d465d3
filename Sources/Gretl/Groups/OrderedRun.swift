// Many starts or stops in the order their dependencies ask for, as a pure machine: what ended goes
// in, what may begin comes out. Each step begins as soon as what it waits for is done, and not with
// the slowest of its level. GroupRun executes it; tests drive it with thousands of random graphs.

/// A run through steps that wait for each other.
package struct OrderedRun: Sendable {
    /// One thing to do.
    package struct Step: Sendable {
        /// The steps it waits for, as places.
        package var waitsFor: [Int]
        /// It is done whatever became of those: nothing has to be done for it.
        package var isDone: Bool
        /// Of the steps of one lane only one is active; nil beside all others.
        package var lane: String?

        package init(waitsFor: [Int], isDone: Bool = false, lane: String? = nil) {
            self.waitsFor = waitsFor
            self.isDone = isDone
            self.lane = lane
        }
    }

    /// How far a step is.
    package enum State: Sendable, Equatable {
        case waiting
        case active
        case succeeded
        case failed
        /// Not begun: the step of this place failed.
        case blocked(by: Int)
        /// Not begun: the run was cancelled.
        case cancelled
    }

    package private(set) var states: [State]
    private let steps: [Step]
    private var followers: [[Int]]
    /// How many of the steps each waits for are not over yet.
    private var missing: [Int]
    /// The first failure among those.
    private var blame: [Int?]
    private var open: Int
    private var active = 0
    private let isParallel: Bool
    /// What may begin, ascending; one by one, only when nothing is active.
    private var ready: [Int] = []
    /// The lanes of active steps.
    private var busy: Set<String> = []

    /// `steps` stand in an order in which they could be done one by one.
    package init(_ steps: [Step], isParallel: Bool) {
        self.steps = steps
        self.isParallel = isParallel
        states = [State](repeating: .waiting, count: steps.count)
        missing = steps.map(\.waitsFor.count)
        blame = [Int?](repeating: nil, count: steps.count)
        followers = [[Int]](repeating: [], count: steps.count)
        open = steps.count
        for (place, step) in steps.enumerated() {
            for other in step.waitsFor { followers[other].append(place) }
        }
    }

    /// Nothing is active or going to be.
    package var isOver: Bool { open == 0 }

    /// What is to begin first.
    package mutating func begin() -> [Int] {
        ready = steps.indices.filter { missing[$0] == 0 }
        return take()
    }

    /// A step that had begun has ended; what is to begin now.
    package mutating func ended(_ place: Int, succeeded: Bool) -> [Int] {
        guard states[place] == .active else { return [] }
        active -= 1
        if let lane = steps[place].lane { busy.remove(lane) }
        close(place, succeeded ? .succeeded : .failed)
        return take()
    }

    /// Nothing more begins; what is active goes on to its end.
    package mutating func cancel() {
        ready = []
        for place in steps.indices where states[place] == .waiting {
            states[place] = .cancelled
            open -= 1
        }
    }

    /// Ends a step and all that cannot begin any more because of it.
    private mutating func close(_ place: Int, _ state: State) {
        var ends = [(place, state)]
        // Ends: every step is closed once.
        while let (ended, state) = ends.popLast() {
            states[ended] = state
            open -= 1
            for follower in followers[ended] where states[follower] == .waiting {
                missing[follower] -= 1
                if let culprit = OrderedRun.culprit(ended, state), blame[follower] == nil {
                    blame[follower] = culprit
                }
                guard missing[follower] == 0 else { continue }
                if let culprit = blame[follower], !steps[follower].isDone {
                    ends.append((follower, .blocked(by: culprit)))
                } else {
                    ready.append(follower)
                }
            }
        }
        ready.sort()
    }

    /// Who is to blame for what a step could not do; nil when it could.
    private static func culprit(_ place: Int, _ state: State) -> Int? {
        switch state {
        case .failed: place
        case .blocked(let culprit): culprit
        case .waiting, .active, .succeeded, .cancelled: nil
        }
    }

    private mutating func take() -> [Int] {
        guard isParallel || active == 0 else { return [] }
        var taken: [Int] = []
        var left: [Int] = []
        for place in ready {
            let isFree = steps[place].lane.map { !busy.contains($0) } ?? true
            guard isFree, isParallel || taken.isEmpty else {
                left.append(place)
                continue
            }
            if let lane = steps[place].lane { busy.insert(lane) }
            states[place] = .active
            taken.append(place)
        }
        ready = left
        active += taken.count
        return taken
    }
}
