// Programs that a client command becomes or starts: gr exec and gr open. They get the streams and
// signals of the command, which has neither blocked nor ignored any. The daemon must never use
// this: it starts programs through monitors.

import Glibc
import NetCore

/// Starts other programs.
package enum ProgramLaunch {
    /// Why a program could not be run.
    package struct Failure {
        package let reason: String
        /// There is none of that name, or its directory is not there.
        package let isNotFound: Bool

        init(_ code: Int32, directory: String? = nil) {
            let text = SystemError.text(code)
            reason = directory.map { "\($0): \(text)" } ?? text
            isNotFound = directory == nil && (code == ENOENT || code == ENOTDIR)
        }
    }

    /// Becomes the program. Comes back only with the failure.
    package static func become(
        _ words: [String], environment: [String: String], directory: String?
    ) -> Failure {
        guard let name = words.first, !name.isEmpty else { return Failure(ENOENT) }
        if let directory {
            // The path is copied into a terminated text for the length of the call.
            guard unsafe chdir(directory) == 0 else {
                return Failure(errno, directory: directory)
            }
        }
        let variables = environment.map { "\($0.key)=\($0.value)" }
        var failure = ENOENT
        for path in candidates(name, environment["PATH"]) {
            var code = execute(path, words, variables)
            if code == ENOEXEC, isText(path) {
                code = execute("/bin/sh", ["sh", path] + words.dropFirst(), variables)
            }
            // As a shell does it: what cannot be run is worth more words than what is not there.
            if code != ENOENT, code != ENOTDIR { failure = code }
        }
        return Failure(failure)
    }

    /// Comes back only with the error.
    private static func execute(_ path: String, _ words: [String], _ variables: [String]) -> Int32 {
        unsafe withTexts(words) { arguments in
            unsafe withTexts(variables) { variables in
                // All pointers live until exec replaces or refuses.
                _ = unsafe execve(path, arguments, variables)
                return errno
            }
        }
    }

    /// Whether a file that the kernel does not run is a script without `#!`, as shells tell it: no
    /// NUL in its first line.
    private static func isText(_ path: String) -> Bool {
        guard let bytes = ProcFile.read(path, most: 256) else { return false }
        return !bytes.prefix { $0 != UInt8(ascii: "\n") }.contains(0)
    }

    /// A pipe with `text` in it, and its end, that fits whole or is not made.
    private static func filledPipe(_ text: [UInt8]) -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // Else a write of more than it holds would wait for a reader that is not started yet.
        guard fcntl(ends[1], setPipeSize, Int32(pipeBytes)) >= pipeBytes, text.count < pipeBytes,
            Terminal.write(text, to: ends[1]) == 0
        else {
            close(ends[0])
            close(ends[1])
            return nil
        }
        close(ends[1])
        return ends[0]
    }

    /// F_SETPIPE_SZ, which the headers hide.
    private static let setPipeSize: Int32 = 1_031
    private static let pipeBytes = 1 << 20

    /// As below, with `text` as what the program reads.
    package static func run(
        _ words: [String], environment: [String: String], reading text: [UInt8]
    ) -> Int32? {
        guard let input = filledPipe(text) else { return nil }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            close(input)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        return unsafe spawn(words, environment, &actions)
    }

    /// Runs a program to its end; its exit code, or nil when it could not be started.
    package static func run(_ words: [String], environment: [String: String]) -> Int32? {
        unsafe spawn(words, environment, nil)
    }

    private static func spawn(
        _ words: [String], _ environment: [String: String],
        _ actions: UnsafePointer<posix_spawn_file_actions_t>?
    ) -> Int32? {
        guard let name = words.first else { return nil }
        let variables = environment.map { "\($0.key)=\($0.value)" }
        for path in candidates(name, environment["PATH"]) {
            var pid: pid_t = 0
            let result = unsafe withTexts(words) { arguments in
                unsafe withTexts(variables) { variables in
                    // All pointers live until the call returns, behind the child's exec.
                    unsafe posix_spawn(&pid, path, actions, nil, arguments, variables)
                }
            }
            guard result == 0 else { continue }
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0 { if errno != EINTR { return nil } }
            return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        }
        return nil
    }

    /// Where a name can be: itself with a slash in it, else in the folders of PATH.
    private static func candidates(_ name: String, _ path: String?) -> [String] {
        if name.contains("/") { return [name] }
        let folders = (path ?? "/usr/local/bin:/usr/bin:/bin").split(
            separator: ":", omittingEmptySubsequences: false)
        return folders.prefix(1_000).map { $0.isEmpty ? "./\(name)" : "\($0)/\(name)" }
    }

    private static func withTexts<Result>(
        _ texts: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var copies = unsafe texts.map { unsafe strdup($0) }
        unsafe copies.append(nil)
        // Freed after the body, which must not keep them.
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe copies.withUnsafeMutableBufferPointer { buffer in
            // Never empty: it holds the final NULL.
            unsafe body(buffer.baseAddress!)
        }
    }
}
