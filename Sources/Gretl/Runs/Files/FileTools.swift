// The file tools of a run: the door from the reactor. Checks the arguments, does the work on a
// background thread, and turns what came of it into words. Nothing of the file system is touched on
// the reactor; searches work in slices, so that other jobs of the thread get in between, and end
// soon after a cancellation.

package import NetCore

/// Runs the nine tools that touch files and no program.
@ReactorActor
package final class FileTools {
    private let thread: BackgroundThread

    /// - Parameter thread: does the work. One call occupies it for milliseconds, or some tens of
    ///   them for the largest files.
    package init(thread: BackgroundThread) { self.thread = thread }

    /// The names of its tools.
    nonisolated package static let names: Set<String> = [
        "file_read", "file_list", "file_write", "file_patch", "file_insert", "file_delete",
        "file_rename", "grep_search", "find_files",
    ]

    /// Runs a call to its end; whatever is wrong is in the outcome.
    package func run(_ call: ToolCall, in context: ToolContext) async -> ToolOutcome {
        guard Self.names.contains(call.name), let spec = ToolTable.named(call.name) else {
            return ToolTable.unknown(call.name)
        }
        guard !context.cancellation.isCancelled else { return Self.cancelled }
        let arguments: ToolArguments
        do throws(ToolArgumentError) {
            arguments = try ToolArguments(call, of: spec)
        } catch {
            return ToolOutcome(error.message, isError: true, isBlocked: true)
        }
        let action = FileAction(name: call.name, arguments: arguments, folder: context.folder)
        do throws(BackgroundThread.Refusal) {
            guard spec.name == "grep_search" || spec.name == "find_files" else {
                return try await thread.perform { action.run() }
            }
            return try await search(action, context.cancellation)
        } catch {
            let reason = error == .full ? "is too busy now; try again" : "is about to end"
            return ToolOutcome("\(call.name) was not run: the daemon \(reason).", isError: true)
        }
    }

    private func search(
        _ action: FileAction, _ cancellation: Cancellation
    ) async throws(BackgroundThread.Refusal) -> ToolOutcome {
        let search: FileSearch
        switch try await thread.perform({ action.search() }) {
        case .success(let begun): search = begun
        case .failure(let refusal): return FileAction.outcome(of: refusal)
        }
        let token = cancellation.onCancel { search.stop() }
        defer { cancellation.remove(token) }
        while try await thread.perform({ search.advance() }) {}
        if cancellation.isCancelled { return Self.cancelled }
        return try await thread.perform { search.outcome() }
    }

    private static var cancelled: ToolOutcome { ToolOutcome("Cancelled.", isError: true) }
}
