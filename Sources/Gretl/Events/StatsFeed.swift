// service.stats: every two seconds what running services use, while somebody listens and never
// otherwise. Sampled and rendered on the background thread; all services of a tick are one piece,
// shared by everybody who wants them all. A listener whose socket is full misses ticks and gets the
// newest one later.

package import NetCore

/// Statistics of running services, as frames.
@ReactorActor
package final class StatsFeed {
    private struct Sample: Sendable {
        let name: String
        let cores: Double
        let residentBytes: Int64
    }

    private struct Rendered: Sendable {
        var bytes: [UInt8] = []
        /// By percent-encoded name.
        var frames: [String: Range<Int>] = [:]
    }

    private let registry: ServiceRegistry
    private let statistics: ProcessStatistics
    private let background: BackgroundThread
    private let reactor: Reactor
    /// Told of each tick.
    var produced: () -> Void = {}
    /// Grows with each tick.
    private(set) var generation = 0
    private var rendered = Rendered()
    private var whole: ByteChunk?
    private var isOn = false
    private var isSampling = false
    private var timer = TimerHandle.none

    private static let pause = Duration.seconds(2)
    /// A sample taken for somebody else is good enough, if it is not from the tick before.
    private static let goodFor = Duration.seconds(1)

    package init(
        _ registry: ServiceRegistry, _ statistics: ProcessStatistics,
        background: BackgroundThread, on reactor: Reactor
    ) {
        self.registry = registry
        self.statistics = statistics
        self.background = background
        self.reactor = reactor
    }

    func start() {
        guard !isOn else { return }
        isOn = true
        schedule()
    }

    func stop() {
        isOn = false
        reactor.timers.cancel(timer)
        whole = nil
        rendered = Rendered()
    }

    private func schedule() {
        timer = reactor.timers.schedule(at: reactor.now + StatsFeed.pause, self)
    }

    /// The frames of the newest tick that `filter` lets pass; nil when there are none.
    func chunk(for filter: EventFilter?) -> ByteChunk? {
        guard let names = filter?.services else { return whole }
        var bytes: [UInt8] = []
        for name in names.sorted() {
            if let range = rendered.frames[name] { bytes += rendered.bytes[range] }
        }
        return bytes.isEmpty ? nil : ByteChunk(bytes)
    }

    private func sample() async {
        let running = registry.unsorted.filter { $0.machine.state == .running }
        guard !running.isEmpty else { return }
        await statistics.refresh(running, goodFor: StatsFeed.goodFor)
        var samples: [Sample] = []
        for service in running where service.machine.state == .running {
            guard let usage = service.usage else { continue }
            samples.append(
                Sample(
                    name: service.name, cores: usage.cores, residentBytes: usage.residentBytes))
        }
        let measured = samples
        guard isOn, !measured.isEmpty,
            let made = try? await background.perform({ StatsFeed.render(measured) }), isOn
        else { return }
        rendered = made
        whole = ByteChunk(made.bytes)
        generation += 1
        produced()
    }

    private nonisolated static func render(_ samples: [Sample]) -> Rendered {
        var rendered = Rendered()
        var json = JSONText()
        for sample in samples {
            json.removeAll()
            json.beginObject()
            json.field("name", sample.name)
            json.field("cpu", (sample.cores * 1_000).rounded() / 1_000)
            json.field("rssMB", sample.residentBytes >> 20)
            json.endObject()
            let start = rendered.bytes.count
            rendered.bytes += EventFrames.frame(EventType.stats.name, json)
            rendered.frames[ServiceNames.encode(sample.name)] = start..<rendered.bytes.count
        }
        return rendered
    }
}

extension StatsFeed: TimerHandler {
    package func timerFired(_ tag: UInt32) {
        guard isOn else { return }
        schedule()
        guard !isSampling else { return }
        isSampling = true
        spawn { [self] in
            await sample()
            isSampling = false
        }
    }
}
