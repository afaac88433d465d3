// Runs credential plugins: bounded in time, output and number, with the environment that they need
// and nothing to read. Used by ReferenceAccess, which sees to it that one cluster's runs once.

package import NetCore

/// Runs plugins.
@ReactorActor
package final class PluginRunner {
    private let reactor: Reactor
    private let children: ChildProcesses
    private let background: BackgroundThread
    private let environment: [String: String]
    private let patience: Duration
    private var running = 0

    /// What plugins may see of the daemon's own environment beside what every program gets.
    private static let prefixes = ["AWS_", "AZURE_", "AAD_", "ARM_", "CLOUDSDK_", "GOOGLE_"]
    private static let runningMost = 16

    package init(
        on reactor: Reactor, children: ChildProcesses, background: BackgroundThread,
        environment: [String: String], patience: Duration = .seconds(60)
    ) {
        self.background = background
        self.reactor = reactor
        self.children = children
        self.environment = InheritedEnvironment.filter(environment).merging(
            environment.filter { name, _ in
                PluginRunner.prefixes.contains { name.hasPrefix($0) }
            }, uniquingKeysWith: { first, _ in first })
        self.patience = patience
    }

    /// What the plugin gave.
    func run(
        _ plugin: PluginSpec, _ settings: [String: String], for direct: DirectAccess
    ) async throws(APIError) -> PluginSpec.Credential {
        guard running < PluginRunner.runningMost else {
            throw .daemonBusy("too many credential plugins run")
        }
        running += 1
        defer { running -= 1 }
        var variables = environment.merging(settings) { $1 }.merging(plugin.environment) { $1 }
        variables["KUBERNETES_EXEC_INFO"] = plugin.question(direct)
        let words = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let result: PluginRun.Answer = await withCheckedContinuation { continuation in
            let run = PluginRun(continuation, children, on: reactor, background: background)
            do throws(SystemError) {
                try run.start(plugin, words, patience)
            } catch { run.end(.failure(plugin.failed("it cannot be started: \(error)"))) }
        }
        let (ending, output, said) = try result.get()
        switch ending {
        case .itself(.exited(0)): return try plugin.credential(output)
        case .itself(.exited(let code)): throw plugin.failed("it ended with \(code)", said: said)
        case .itself(.killed(let signal)):
            throw plugin.failed("signal \(signal) ended it", said: said)
        case .late: throw plugin.failed("it was ended: it took too long", said: said)
        }
    }
}

/// One plugin at work.
@ReactorActor
private final class PluginRun: TimerHandler {
    /// How it ended.
    enum Ending {
        case itself(ChildProcesses.Ending)
        /// We ended it.
        case late
    }

    typealias Answer = Result<(Ending, [UInt8], String), APIError>
    private var continuation: CheckedContinuation<Answer, Never>?
    private var pid: Int32 = 0
    private var isLate = false
    private let children: ChildProcesses
    private let reactor: Reactor
    private let background: BackgroundThread

    init(
        _ continuation: CheckedContinuation<Answer, Never>, _ children: ChildProcesses,
        on reactor: Reactor, background: BackgroundThread
    ) {
        self.continuation = continuation
        self.children = children
        self.reactor = reactor
        self.background = background
    }

    func start(
        _ plugin: PluginSpec, _ environment: [String], _ patience: Duration
    ) throws(SystemError) {
        let streams = try ChildOutput()
        let reactor = reactor
        let timer = reactor.timers.schedule(at: reactor.now + patience, self)
        do throws(SystemError) {
            pid = try children.start(
                plugin.path, arguments: [plugin.path] + plugin.arguments,
                environment: environment, descriptors: streams.descriptors
            ) { ending in
                reactor.timers.cancel(timer)
                self.pid = 0
                let said = String(decoding: streams.takeErrors().prefix(2_000), as: UTF8.self)
                let quoted = ClusterFailure.clean(SecretLikeText.hidden(in: said))
                self.end(
                    .success((self.isLate ? .late : .itself(ending), streams.takeOutput(), quoted)))
            }
        } catch {
            reactor.timers.cancel(timer)
            throw error
        }
        streams.wasStarted()
    }

    func end(_ answer: Answer) {
        continuation?.resume(returning: answer)
        continuation = nil
    }

    /// It took too long, and goes with what it started; that is told when it has ended.
    func timerFired(_ tag: UInt32) { spawn { [self] in await kill() } }

    private func kill() async {
        let (root, uid) = (pid, ProcessFacts.uid)
        guard root > 0 else { return }
        let tree = try? await background.perform {
            ProcessEntry.read(root).map { HeldTree(root: $0.identity, uid: uid) }
        }
        // Not reaped yet, the number was its own all the while.
        guard pid == root else { return }
        isLate = true
        children.kill(root)
        guard let tree = tree ?? nil else { return }
        _ = await ProcessEnding(
            tree, grace: .zero, uid: uid, background: background, on: reactor
        ).run()
    }
}
