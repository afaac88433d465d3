// Runs the programs of runs: in the jail, or without one where the run says so, a bounded number at
// a time, and never unconfined because confinement fails. Tools and goal checks come here, and the
// engine for what an earlier daemon left behind.

package import NetCore

/// Runs programs for tools and goal checks.
@ReactorActor
package final class JailedPrograms {
    let background: BackgroundThread
    let settings: RunSettings
    let environment: ProgramEnvironment
    private let reactor: Reactor
    private let children: ChildProcesses
    private let daemonHome: String
    private let probe: JailProbe
    private let line: ProgramLine
    /// Starts programs, and waits for each until it is one.
    private let starter = BackgroundThread(atFirstJob: "gr-programs")

    /// Names the run a program belongs to, in its environment.
    nonisolated static let runVariable = "GR_RUN"
    /// Names one program.
    nonisolated private static let programVariable = "GR_PROGRAM"
    private static let bounds = (files: UInt64(16) << 30, niceness: Int32(5))
    /// Processes and threads of a user in one jail.
    private static let processesMost = 8_192
    private static let probeLimit = Duration.seconds(10)

    package init(
        on reactor: Reactor, children: ChildProcesses, background: BackgroundThread,
        settings: RunSettings, environment: [String: String], daemonHome: String
    ) {
        self.reactor = reactor
        self.children = children
        self.background = background
        self.settings = settings
        self.environment = ProgramEnvironment(
            daemon: environment, additions: settings.environment)
        self.daemonHome = daemonHome
        probe = JailProbe(on: reactor)
        line = ProgramLine(most: settings.programs)
    }

    // MARK: Whether it can be done

    /// Nil when programs can run so in `folder`; else why not, for POST /api/runs.
    package func refusal(_ confinement: Confinement, in folder: String) async -> APIError? {
        guard confinement.isSandboxed else { return nil }
        if case .failure(let error) = await bubblewrap() { return error }
        let ground = ground(folder, isWritable: true, confinement)
        let made = try? await background.perform { ground.result() }
        switch made {
        case .success: return nil
        case .failure(let refusal): return .invalidFolder(refusal)
        case nil: return .daemonBusy("the storage thread has too much to do")
        }
    }

    /// Where bubblewrap is, once it was seen to work.
    private func bubblewrap() async -> Result<String, APIError> {
        if let known = probe.known { return known }
        let result = await tryBubblewrap()
        probe.keep(result)
        return result
    }

    private func tryBubblewrap() async -> Result<String, APIError> {
        let (path, home) = (environment.path, daemonHome)
        let located = try? await background.perform {
            _ = try? PrivateFile.prepare(JailGround.emptyFile(home))
            return [JailProbe.locate(path)]
        }
        guard let located else {
            return .failure(.daemonBusy("the storage thread has too much to do"))
        }
        guard let found = located[0] else {
            return .failure(.sandboxUnavailable("bubblewrap (bwrap) is not installed"))
        }
        let result = await run(
            ProgramRequest(["true"], timeLimit: JailedPrograms.probeLimit),
            by: found, in: ground(nil, isWritable: false, Confinement()), folder: "/", run: "",
            until: Cancellation())
        switch result.ending {
        case .exited(0): return .success(found)
        case .refused(let error): return .failure(error)
        case .exited, .timedOut, .cancelled:
            let said = String(decoding: result.output.head, as: UTF8.self)
            return .failure(.sandboxUnavailable(ClusterFailure.clean(said)))
        }
    }

    private func ground(
        _ folder: String?, isWritable: Bool, _ confinement: Confinement
    ) -> JailGround {
        JailGround(
            folder: folder, isWritable: isWritable, hasNetwork: confinement.hasNetwork,
            caches: isWritable ? settings.caches : [], secrets: settings.secrets,
            home: environment.home, daemonHome: daemonHome)
    }

    // MARK: Running

    /// Runs a program to its end. A cancelled one is over within 3 s.
    package func run(
        _ request: ProgramRequest, in context: ToolContext
    ) async -> ProgramResult {
        guard await line.enter(until: context.cancellation) else {
            return ProgramResult(.cancelled)
        }
        defer { line.leave() }
        guard context.confinement.isSandboxed else {
            return await runUnconfined(request, in: context)
        }
        let path: String
        switch await bubblewrap() {
        case .success(let found): path = found
        case .failure(let error): return ProgramResult(.refused(error))
        }
        let result = await run(
            request, by: path,
            in: ground(
                context.folder, isWritable: !request.isReadOnly, context.confinement),
            folder: context.folder, run: context.run, until: context.cancellation)
        if case .refused = result.ending { probe.forget() }
        return result
    }

    private func run(
        _ request: ProgramRequest, by bubblewrap: String, in ground: JailGround, folder: String,
        run: String, until cancellation: Cancellation
    ) async -> ProgramResult {
        let made = try? await background.perform { ground.result() }
        let jail: [String]
        switch made {
        case .success(let words): jail = words
        case .failure(let refusal): return ProgramResult(.refused(.invalidFolder(refusal)))
        case nil:
            return ProgramResult(.refused(.daemonBusy("the storage thread has too much to do")))
        }
        guard !cancellation.isCancelled else { return ProgramResult(.cancelled) }
        let program = JailedPrograms.inShell(request, folder, isJailed: true)
        let variables = environment.words(
            isJailed: true, own: request.environment,
            marks: [JailedPrograms.runVariable: run])
        let bounds = bounds
        return await drive(request, isJailed: true, until: cancellation) { status in
            let words = ["bwrap"] + jail + ["--json-status-fd", "\(status)", "--"]
            return ProgramRun.Launch(
                path: bubblewrap, words: words + program, environment: variables,
                bounds: bounds, isJailed: true)
        }
    }

    private func drive(
        _ request: ProgramRequest, isJailed: Bool, until cancellation: Cancellation,
        _ launch: (_ statusDescriptor: Int) -> ProgramRun.Launch
    ) async -> ProgramResult {
        return await ProgramRun(
            isJailed: isJailed, on: reactor, children: children, background: background,
            starter: starter
        ).run(launch, request, until: cancellation)
    }

    /// Ends what runs still; nothing is started any more.
    package func close() {
        // Programs end with the thread that started them.
        starter.stop()
    }

    private func runUnconfined(
        _ request: ProgramRequest, in context: ToolContext
    ) async -> ProgramResult {
        let program = JailedPrograms.inShell(request, context.folder, isJailed: false)
        let name = RandomID.make()
        let variables = environment.words(
            isJailed: false, own: request.environment,
            marks: [
                JailedPrograms.runVariable: context.run, JailedPrograms.programVariable: name,
            ])
        let bounds = bounds
        let result = await drive(
            request, isJailed: false, until: context.cancellation
        ) { _ in
            ProgramRun.Launch(
                path: "/bin/sh", words: program, environment: variables, bounds: bounds,
                isJailed: false)
        }
        // What it left in the background; a jail ends with its program.
        await end(["\(JailedPrograms.programVariable)=\(name)"])
        return result
    }

    private var bounds: JobBounds {
        JobBounds(
            fileBytes: JailedPrograms.bounds.files,
            memoryBytes: UInt64(settings.memoryMiB) << 20,
            niceness: JailedPrograms.bounds.niceness)
    }

    /// Through the shell: it sets the bound of processes, which would count those outside too where
    /// it is set outside, and is in the folder. Where the kernel shares cores among sessions first
    /// (autogroup, as on desktops), niceness counts inside a session only: then it makes the
    /// session as nice, or a check that computes for minutes would get as much of a core as the
    /// daemon. The kernel takes that word ten times a second; a program that comes too often is
    /// only less nice.
    private static func inShell(
        _ request: ProgramRequest, _ folder: String, isJailed: Bool
    ) -> [String] {
        let most = processesMost
        let nice = "{ echo \(bounds.niceness) >/proc/self/autogroup; } 2>/dev/null; "
        let bound = "ulimit -u \(most) 2>/dev/null || ulimit -p \(most) 2>/dev/null; "
        let script = "\(nice)\(isJailed ? bound : "")cd -- \"$0\" && exec \"$@\""
        return ["/bin/sh", "-c", script, folder] + request.words
    }

    // MARK: Leftovers

    /// Ends every process that programs of these runs left, as a daemon does that was killed. For
    /// the start of the next one.
    package func endLeftovers(of runs: [String]) async {
        await end(Set(runs.map { "\(JailedPrograms.runVariable)=\($0)" }))
    }

    private static let looksMost = 20

    private func end(_ marks: Set<String>) async {
        for _ in 0..<JailedPrograms.looksMost {
            let uid = ProcessFacts.uid
            let found = try? await background.perform {
                HeldTree(MarkedPrograms.find(marks), uid: uid)
            }
            guard let found, !found.isEmpty else { return }
            _ = await ProcessEnding(
                found, grace: .zero, uid: uid, background: background, on: reactor
            ).run()
        }
        Log.shared.error("something of a run's programs does not end", [:])
    }
}

extension APIError {
    static func invalidFolder(_ refusal: JailGround.Refusal) -> APIError {
        APIError(
            .invalidFolder,
            "programs of a run cannot be confined to this folder: \(refusal.message)",
            hint: "choose the folder of a project as cwd")
    }
}
