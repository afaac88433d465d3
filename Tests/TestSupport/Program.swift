// Runs a program to its end for a test that wants all it said: exit code, output, errors. Every run
// has a limit and is ended when it is over; nothing is looked up in the caller's environment unless
// the test asks for it.

import CEpoll
import FoundationEssentials
import Glibc

/// What a program did.
package struct ProgramResult {
    /// -signal for one that was killed; nil when it had to be ended.
    package let exit: Int32?
    package let output: String
    package let errors: String
}

/// Programs of the machine.
package enum Program {
    /// The environment of the tests themselves, as `NAME=VALUE`.
    package static var inheritedEnvironment: [String] {
        ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    }

    /// Runs `words` (found by PATH), in `directory`, for at most `seconds`.
    package static func run(
        _ words: [String], environment: [String] = [], directory: String = "/", seconds: Int = 20
    ) throws -> ProgramResult {
        let hasPath = environment.contains { $0.hasPrefix("PATH=") }
        let path = hasPath ? [] : ["PATH=/usr/local/bin:/usr/bin:/bin"]
        let folder = TemporaryFolder()
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let output = unsafe open(folder.file("output"), flags, 0o600)
        let errors = unsafe open(folder.file("errors"), flags, 0o600)
        defer { for descriptor in [null, output, errors] { close(descriptor) } }
        let made = try DaemonProcess.spawn(
            "/usr/bin/env", ["env", "-C", directory] + words, path + environment,
            [null, output, errors])
        defer { close(made.pidfd) }
        let isOver = DaemonProcess.waitReadable(made.pidfd, Int32(seconds) * 1_000)
        if !isOver {
            for pid in ProcessTable.descendants(of: [made.pid]) { ProcessTable.end(pid) }
            _ = cepoll_pidfd_signal(made.pidfd, SIGKILL)
        }
        var status: Int32 = 0
        let reaped = unsafe waitpid(made.pid, &status, 0)
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
        return ProgramResult(
            exit: isOver && reaped == made.pid ? code : nil,
            output: TextFile.read(folder.file("output")) ?? "",
            errors: TextFile.read(folder.file("errors")) ?? "")
    }
}
