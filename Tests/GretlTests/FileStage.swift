// A run's folder beside a folder that is none of its business, and the file tools on it: the world
// of the tests of file tools.

import Glibc
import Gretl
import NetCore
import TestSupport

/// Two folders and the tools.
final class FileStage: Sendable {
    private let temporary = TemporaryFolder()
    private let thread: BackgroundThread
    /// The run's folder.
    let project: String
    /// What is in it is a secret.
    let outside: String

    static let secret = "the secret outside"

    init() throws {
        project = temporary.file("project")
        outside = temporary.file("outside")
        thread = try BackgroundThread(name: "gr-test")
        for folder in [project, outside] { precondition(unsafe mkdir(folder, 0o700) == 0) }
        TemporaryFolder.write("\(Self.secret)\n", to: "\(outside)/secret.txt")
    }

    /// Runs a tool to its end.
    func run(_ name: String, _ arguments: [String: JSONValue]?) async throws -> ToolOutcome {
        let (thread, project) = (thread, project)
        return try await onReactor {
            let context = ToolContext(
                folder: project, confinement: Confinement(), cancellation: Cancellation())
            let call = ToolCall(id: "1", name: name, text: "", arguments: arguments)
            return await FileTools(thread: thread).run(call, in: context)
        }
    }

    /// The same, cancelled as soon as it began.
    func runCancelled(_ name: String, _ arguments: [String: JSONValue]) async throws -> ToolOutcome
    {
        let (thread, project) = (thread, project)
        return try await onReactor {
            let cancellation = Cancellation()
            let context = ToolContext(
                folder: project, confinement: Confinement(), cancellation: cancellation)
            let call = ToolCall(id: "1", name: name, text: "", arguments: arguments)
            ReactorActor.post { cancellation.cancel() }
            return await FileTools(thread: thread).run(call, in: context)
        }
    }

    // MARK: Files

    func path(_ name: String) -> String { "\(project)/\(name)" }

    func put(_ text: String, at name: String, mode: UInt32 = 0o644) {
        TemporaryFolder.write(text, to: path(name), mode: mode)
    }

    func makeFolder(_ name: String) { precondition(unsafe mkdir(path(name), 0o755) == 0) }

    func link(_ name: String, to target: String) {
        precondition(unsafe symlink(target, path(name)) == 0)
    }

    func content(_ name: String) -> String? { Self.content(path: path(name)) }

    /// The text of a file; nil when it is not there.
    static func content(path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { _ = close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe read(file, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return unsafe lstat(path(name), &status) == 0
    }

    /// The names in a folder, without the two that are always there.
    static func names(in path: String) -> Set<String> {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var found: Set<String> = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { found.insert(name) }
        }
        return found
    }
}
