// The half of the daemon that runs agents, as one object: models, tools, goals, the runs and their
// routes. Made by Daemon when storage is open; until a run is started it loads nothing and asks
// nobody.

package import NetCore

/// Runs and what they work with.
@ReactorActor
package final class RunsHalf {
    let runs: Runs
    private let programs: JailedPrograms
    private let files: FileTools
    private let background: BackgroundThread
    /// Of the file tools: a search may take seconds, and what is stored must not wait for it.
    private let filesThread: BackgroundThread
    private let goals: ProjectGoals

    package init(
        on reactor: Reactor, background: BackgroundThread, database: Database,
        children: ChildProcesses, https: HTTPSClient, configuration: Configuration,
        environment: [String: String], daemonHome: String
    ) {
        self.background = background
        let models = configuration.models.completed(by: environment)
        let programs = JailedPrograms(
            on: reactor, children: children, background: background,
            settings: configuration.runPrograms, environment: environment, daemonHome: daemonHome)
        self.programs = programs
        let filesThread = BackgroundThread(atFirstJob: "gr-files")
        self.filesThread = filesThread
        files = FileTools(thread: filesThread)
        let goals = ProjectGoals(programs)
        self.goals = goals
        var secrets = models.secrets
        secrets += [configuration.token, environment["GR_TOKEN"].map { Secret($0) }]
            .compactMap { $0 }
        let parts = RunParts(
            reactor: reactor, store: RunStore(database),
            model: ModelClient(on: reactor, over: https, models),
            tools: RunTools(files: files, programs: ProgramTools(programs)),
            specs: ToolTable.all, goals: goals, redaction: Redaction(secrets),
            overview: { folder in
                (try? await filesThread.perform { ProjectOverview.read(folder) }) ?? ""
            },
            admit: { folder, confinement throws(APIError) in
                if let refusal = await programs.refusal(confinement, in: folder) { throw refusal }
            })
        var settings = configuration.runs
        settings.confinement = configuration.runPrograms.confinement
        runs = Runs(parts, settings, background: background)
    }

    /// Takes in what is stored.
    func load() async throws(StorageError) { try await runs.load() }

    /// Ends what an earlier daemon left running, then takes up what goes on.
    func start() {
        spawn { [self] in
            await programs.endLeftovers(of: runs.unfinished)
            await runs.start()
        }
    }

    var routes: RunRoutes {
        RunRoutes(
            runs: runs, tools: ToolTable.all, goals: ProjectGoals.table, background: background)
    }

    /// Before the database is closed.
    func close() async {
        await runs.close()
        programs.close()
        filesThread.stop()
    }
}
