// The real `gr serve` on a home folder of its own, made to be killed: start, kill, start again on
// the same folder, and a client that says what was answered and what was not. `end()` leaves
// nothing behind, whatever the test did: daemon, monitors, programs and what they forked.

import CEpoll
import Glibc
import NetCore
import TestSupport
import Testing

/// Why a test cannot go on.
struct CrashFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A status and a body.
struct APIAnswer: Sendable {
    let status: Int
    let body: [UInt8]
    var json: JSON { JSON(body) ?? .null }
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// One home folder and the daemons that ran on it.
final class CrashDaemon {
    let folder = TemporaryFolder()
    let home: String
    /// GR_TREE of everything started here.
    let token: String
    private(set) var pid: Int32 = -1
    private(set) var port: UInt16 = 0
    private var isWaitedFor = true

    init(home: String? = nil) {
        self.home = home ?? folder.file("home")
        token = String(UInt64.random(in: (1 << 60)...UInt64.max), radix: 16)
    }

    deinit { end() }

    var runPath: String { home + "/run" }
    var errors: String { TextFile.read(folder.file("daemon.err")) ?? "" }
    func log(_ name: String) -> String { home + "/logs/" + name + ".log" }

    // MARK: Life

    /// Starts a daemon and waits until it listens. `prefix` is a program to run it under.
    func start(prefix: [String] = [], patience: Double = 10_000) throws {
        let output = try launch(prefix)
        defer { close(output) }
        port = try listening(output, patience)
    }

    /// Starts a daemon; the descriptor answered is its standard output.
    private func launch(_ prefix: [String]) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard unsafe cepoll_pipe(&ends) == 0 else { throw CrashFailure("no pipe") }
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let errors = unsafe open(
            folder.file("daemon.err"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { for descriptor in [ends[1], null, errors] { close(descriptor) } }
        let words = prefix + [BuildProducts.gr, "serve", "--home", home, "--listen", "127.0.0.1:0"]
        let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "SHELL=/bin/sh"]
        pid = try Self.spawn(words, environment, [null, ends[1], errors])
        isWaitedFor = false
        return ends[0]
    }

    /// Starts a program; answers its pid.
    static func spawn(
        _ words: [String], _ environment: [String], _ descriptors: [Int32]
    ) throws -> Int32 {
        let pid = unsafe withCStrings(words) { arguments in
            unsafe withCStrings(environment) { environment in
                // All pointers live until the call returns, which is after the child's exec.
                unsafe cepoll_spawn(
                    words[0], arguments, environment, descriptors, Int32(descriptors.count), 0, nil)
            }
        }
        guard pid > 0 else { throw CrashFailure("cannot start \(words[0]): errno \(-pid)") }
        return pid
    }

    private func listening(_ output: Int32, _ patience: Double) throws -> UInt16 {
        let end = milliseconds() + patience
        var text = ""
        while milliseconds() < end {
            var set = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            // One entry, alive during the call.
            _ = unsafe poll(&set, 1, 50)
            var bytes = [UInt8](repeating: 0, count: 256)
            // The kernel writes at most the count given.
            let count = unsafe read(output, &bytes, bytes.count)
            if count > 0 { text += String(decoding: bytes.prefix(count), as: UTF8.self) }
            if text.contains("\n"), let colon = text.lastIndex(of: ":"),
                let port = UInt16(text[text.index(after: colon)...].prefix { $0.isNumber })
            {
                return port
            }
            if count == 0 { break }
        }
        throw CrashFailure("the daemon does not listen: \(text)\(errors)")
    }

    /// Sends a signal to the daemon.
    func signal(_ number: Int32) { if !isWaitedFor { _ = Glibc.kill(pid, number) } }

    /// Waits for the end of the daemon: its exit code, or -signal; nil when it goes on.
    func wait(patience: Double = 10_000) -> Int32? {
        guard !isWaitedFor else { return nil }
        let end = milliseconds() + patience
        while milliseconds() < end {
            var status: Int32 = 0
            if unsafe waitpid(pid, &status, WNOHANG) == pid {
                isWaitedFor = true
                return status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
            }
            usleep(300)
        }
        return nil
    }

    /// Kills the daemon as a power user would: no warning.
    func kill9() {
        signal(SIGKILL)
        _ = wait()
    }

    /// Waits until /health is answered.
    func waitUntilUp(patience: Double = 5_000) throws {
        let isUp = eventually(within: patience) {
            (try? call("GET", "/health").status) == 200
        }
        guard isUp else { throw CrashFailure("/health is not answered: \(errors)") }
    }

    /// Ends everything that was started here, by pid.
    func end() {
        if !isWaitedFor {
            signal(SIGKILL)
            _ = wait()
        }
        let isGone = eventually {
            let monitors = ProcessTable.monitors(runDirectory: runPath)
            let programs = ProcessTable.tree(token)
            for monitor in monitors { _ = Glibc.kill(monitor.pid, SIGKILL) }
            for program in programs { _ = Glibc.kill(program.pid, SIGKILL) }
            return monitors.isEmpty && programs.isEmpty
        }
        if !isGone { Issue.record("something under \(home) could not be ended") }
    }

    // MARK: Requests

    /// One request; throws when there was no answer.
    func call(
        _ method: String, _ target: String, _ body: String? = nil, patience: Duration = .seconds(20)
    ) throws -> APIAnswer {
        try Self.call(port: port, method, target, body, patience: patience)
    }

    static func call(
        port: UInt16, _ method: String, _ target: String, _ body: String? = nil,
        patience: Duration = .seconds(20)
    ) throws -> APIAnswer {
        var call = BlockingCall(host: "127.0.0.1", port: port, method: method, target: target)
        if let body {
            call.body = Array(body.utf8)
            call.headers = [("Content-Type", "application/json")]
        }
        call.answerTimeout = patience
        let answer = try call.perform()
        return APIAnswer(status: answer.status, body: answer.body)
    }

    /// Registers a service whose programs carry the marks.
    func register(
        _ name: String, _ command: String, port: Int? = nil, ready: String? = nil
    ) throws {
        let body = Self.spec(name, command, token: token, port: port, ready: ready)
        let answer = try call("POST", "/v1/services", body)
        guard answer.status == 201 || answer.status == 200 else { throw CrashFailure(answer.text) }
    }

    /// The body of a registration. The command must need no escapes but those done here.
    static func spec(
        _ name: String, _ command: String, token: String, port: Int? = nil, ready: String? = nil,
        group: String? = nil
    ) -> String {
        let quoted = command.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
        let port = port.map { "\($0)" } ?? "null"
        let ready = ready.map { "\"\($0)\"" } ?? "null"
        let group = group.map { "\"\($0)\"" } ?? "null"
        return "{\"name\":\"\(name)\",\"cmd\":\"\(quoted)\",\"cwd\":\"/\",\"port\":\(port),"
            + "\"ready\":\(ready),\"group\":\(group),\"restart\":\"never\","
            + "\"env\":{\"GR_TREE\":\"\(token)\",\"GR_MAIN\":\"1\"}}"
    }

    /// Starts a service and answers its pid.
    @discardableResult
    func startService(_ name: String, _ query: String = "") throws -> Int32 {
        let answer = try call("POST", "/v1/services/\(name)/start\(query)")
        guard answer.status == 200, let pid = answer.json["pid"].integer else {
            throw CrashFailure("start of \(name): \(answer.text)")
        }
        return Int32(clamping: pid)
    }

    func service(_ name: String) throws -> JSON { try call("GET", "/v1/services/\(name)").json }
    func status(_ name: String) throws -> String { try service(name)["status"].text ?? "none" }

    /// A port nobody listens on, outside the kernel's own range.
    static func freePort() -> UInt16 {
        for _ in 0..<1_000 {
            let port = UInt16.random(in: 20_000...31_999)
            var address = cepoll_address()
            // Pointers to locals, for the length of the calls.
            guard unsafe cepoll_address_parse(&address, "127.0.0.1", port) == 0 else { continue }
            let listener = unsafe cepoll_listen(&address, 1)
            guard listener >= 0 else { continue }
            close(listener)
            return port
        }
        preconditionFailure("no free port")
    }
}

/// Passes the strings as a NULL-ended array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    var copies = unsafe strings.map { unsafe UnsafePointer<CChar>(strdup($0)) }
    unsafe copies.append(nil)
    // Freed after the body, which must not keep them.
    defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
    return unsafe copies.withUnsafeBufferPointer { buffer in
        // Never empty: it holds the final NULL.
        unsafe body(buffer.baseAddress!)
    }
}
