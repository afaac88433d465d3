// Executes one OrderedRun: begins what may begin, each step an operation of its own, and tells
// those who wait when nothing is left. A client that leaves does not stop it.

import NetCore

/// One start or stop of many services under way.
@ReactorActor
final class GroupRun {
    /// How a step ended.
    enum End: Sendable {
        case done(GroupResult)
        case failed(APIError)
        /// Nothing had to be done, and nothing is to be told.
        case passed
    }

    let services: [Service]
    private(set) var run: OrderedRun
    private(set) var ends: [End?]
    private let perform: @Sendable @ReactorActor (Service, Int) async -> End
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private(set) var isCancelled = false

    /// `perform` does one step; its service and place are given.
    init(
        _ services: [Service], _ run: OrderedRun,
        _ perform: @escaping @Sendable @ReactorActor (Service, Int) async -> End
    ) {
        self.services = services
        self.run = run
        self.perform = perform
        ends = [End?](repeating: nil, count: services.count)
    }

    /// Begins, and returns at once.
    func begin() { launch(run.begin()) }

    /// Returns when nothing is left to do.
    func wait() async {
        guard !run.isOver else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// Begins nothing more.
    func cancel() {
        isCancelled = true
        run.cancel()
        tellIfOver()
    }

    private func launch(_ places: [Int]) {
        for place in places {
            spawn { [self] in
                // Taken back between the decision and its turn.
                let end =
                    isCancelled
                    ? End.failed(.takenBack(services[place].name))
                    : await perform(services[place], place)
                ended(place, end)
            }
        }
        tellIfOver()
    }

    private func ended(_ place: Int, _ end: End) {
        ends[place] = end
        var succeeded = true
        if case .failed = end { succeeded = false }
        launch(run.ended(place, succeeded: succeeded))
    }

    private func tellIfOver() {
        guard run.isOver else { return }
        let told = waiting
        waiting = []
        for continuation in told { continuation.resume() }
    }

    /// Why the step at `place` failed.
    func failure(at place: Int) -> APIError? {
        guard case .failed(let error) = ends[place] else { return nil }
        return error
    }

    /// The step because of which `service` could not begin.
    func culprit(for service: Service) -> Int? {
        guard let place = services.firstIndex(where: { $0 === service }),
            case .blocked(let culprit) = run.states[place]
        else { return nil }
        return culprit
    }

    /// What became of the service at `place`; nil when nothing is to be told.
    func result(at place: Int) -> GroupResult? {
        let name = services[place].name
        switch run.states[place] {
        case .succeeded, .failed:
            switch ends[place] {
            case .done(let result): return result
            case .failed(let error):
                return GroupResult(
                    name, .failed, code: error.code.rawValue, message: error.message)
            case .passed, nil: return nil
            }
        case .blocked(let culprit):
            return GroupResult(
                name, .skipped, message: "'\(services[culprit].name)' did not come up")
        case .cancelled, .waiting, .active:
            return GroupResult(
                name, .cancelled, message: "stopped before it was its turn to be started")
        }
    }
}

extension APIError {
    /// The answer of a start that a stop took back.
    static func takenBack(_ name: String) -> APIError {
        APIError(
            .readyTimeout, "'\(name)' was stopped before it was ready", hint: "start it again")
    }
}
