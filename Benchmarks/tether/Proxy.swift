// The proxy itself: accept, dial, pair. As the tether route does it, without wake-up, pod choice
// and records.

import Glibc
import NetCore

/// Connections from one loopback port to another.
@ReactorActor
final class Proxy: SplicePairOwner {
    private let reactor: Reactor
    private let splicer: Splicer
    private let target: SocketAddress

    private init(_ reactor: Reactor, _ target: SocketAddress, pipeBytes: Int) {
        self.reactor = reactor
        self.target = target
        splicer = Splicer(on: reactor, pipeBytes: pipeBytes)
    }

    private func accept(_ near: Int32) {
        _ = Connector(to: target, timeout: .seconds(5), on: reactor) { [self] outcome in
            guard case .connected(let far) = outcome else { return Descriptor.close(near) }
            _ = try? SplicePair(near: near, far: far, through: splicer, owner: self)
        }
    }

    func pairEnded(_ pair: SplicePair, _ end: SplicePair.End) {}

    /// Runs until SIGTERM: `--port N --to N [--pipe BYTES] [--turns]`. The CPU time of turns is not
    /// measured unless it is asked for, as in the daemon.
    static func main(_ words: [String]) -> Never {
        func number(_ name: String) -> Int? {
            words.firstIndex(of: name).flatMap { at in
                words.indices.contains(at + 1) ? Int(words[at + 1]) : nil
            }
        }
        guard let port = number("--port").flatMap(UInt16.init(exactly:)),
            let to = number("--to").flatMap(UInt16.init(exactly:)),
            let own = SocketAddress("127.0.0.1", port: port),
            let target = SocketAddress("127.0.0.1", port: to)
        else { end("usage: tether --port N --to N [--pipe BYTES]\n", 2) }
        do throws(SystemError) {
            let reactor = try Reactor()
            reactor.measuresCPU = words.contains("--turns")
            let proxy = Proxy(reactor, target, pipeBytes: number("--pipe") ?? Limits.pipeBytes)
            let listener = try Listener(own, on: reactor) { near, _ in proxy.accept(near) }
            _ = try SignalSource([SIGTERM, SIGINT], on: reactor) { _ in reactor.stop() }
            reactor.run()
            listener.close()
            let busiest = reactor.statistics.busiestTurn.inNanoseconds / 1_000
            let longest = reactor.statistics.longestTurn.inNanoseconds / 1_000
            end("longest turn \(longest) us, busiest \(busiest) us\n", 0)
        } catch { end("tether: \(error)\n", 1) }
    }

    private static func end(_ text: String, _ code: Int32) -> Never {
        // The text is alive during the call.
        unsafe text.withCString { text in _ = unsafe write(2, text, strlen(text)) }
        exit(code)
    }
}
