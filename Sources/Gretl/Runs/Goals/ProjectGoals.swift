// The goals of runs: finds what a request means in a folder, and checks it. Implements GoalBook
// over the programs of JailedPrograms.

package import NetCore

/// Knows the goals there are.
@ReactorActor
package final class ProjectGoals: GoalBook {
    private let programs: JailedPrograms

    package init(_ programs: JailedPrograms) { self.programs = programs }

    /// For GET /api/goals.
    package nonisolated static var table: [GoalSpec] {
        GoalKind.allCases.map { GoalSpec($0.rawValue, $0.summary) }
    }

    private struct Look: Sendable {
        var file: Result<GoalFile?, GoalFile.Problem>
        var detected: GoalKind?
    }

    package func find(_ name: String, in folder: String) async throws(APIError) -> RunGoal {
        let wanted = name == "auto" ? "" : name
        if !wanted.isEmpty, GoalKind(rawValue: wanted) == nil { throw .unknownGoal(wanted) }
        let look = try? await programs.background.perform {
            do throws(GoalFile.Problem) {
                let file = try GoalFile.read(in: folder)
                return Look(file: .success(file), detected: GoalDetection.find(in: folder))
            } catch {
                return Look(file: .failure(error), detected: nil)
            }
        }
        guard let look else { throw .daemonBusy("the storage thread has too much to do") }
        let file: GoalFile?
        switch look.file {
        case .success(let found): file = found
        case .failure(let problem):
            throw .invalid(
                "\(GoalFile.name) of the project: \(problem.message)",
                hint: "repair the file, or take it away")
        }
        let kind = try kind(wanted, file, look.detected)
        let settings = file?.settings ?? [:]
        if kind == .shell, settings["check_command"] == nil {
            throw .invalid(
                "the goal 'shell-goal' needs a command",
                hint: "write check_command: COMMAND into \(GoalFile.name) of the project")
        }
        return RunGoal(
            name: kind.rawValue, prompt: kind.prompt(settings), settings: settings)
    }

    private func kind(
        _ wanted: String, _ file: GoalFile?, _ detected: GoalKind?
    ) throws(APIError) -> GoalKind {
        if let kind = GoalKind(rawValue: wanted) { return kind }
        if let named = file?.goal, named != "auto", !named.isEmpty {
            guard let kind = GoalKind(rawValue: named) else { throw .unknownGoal(named) }
            return kind
        }
        if file?.settings["check_command"] != nil { return .shell }
        guard let detected else { throw .unknownGoal("") }
        return detected
    }

    package func check(_ goal: RunGoal, in context: ToolContext) async -> GoalVerdict {
        guard let kind = GoalKind(rawValue: goal.name) else {
            return GoalVerdict(isAchieved: false, reason: "no goal is called '\(goal.name)'")
        }
        return await GoalCheck(
            programs: programs, goal: goal, kind: kind, context: context
        ).run()
    }
}

extension APIError {
    static func unknownGoal(_ name: String) -> APIError {
        let names = GoalKind.allCases.map(\.rawValue).joined(separator: ", ")
        let what =
            name.isEmpty
            ? "nothing in the folder tells what its goal is"
            : "no goal is called '\(ClusterFailure.clean(name, most: 100))'"
        return APIError(
            .unknownGoal, "\(what); there are: \(names), auto",
            hint: "name one of them, or write goal: NAME into \(GoalFile.name) of the project")
    }
}
