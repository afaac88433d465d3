// A real browser, Debian's chromium without a window, for tests of what a web page can do. It
// reaches loopback only, finds `attacker.example` there, keeps its files in a folder of the test,
// and is ended with all its processes, by pid, whatever the test did.

import Glibc
import TestSupport
import Testing

/// One browser with one page.
final class Browser {
    static let path = "/usr/bin/chromium"
    static var isThere: Bool { unsafe access(path, X_OK) == 0 }

    private let folder = TemporaryFolder()
    private let program: Outsider

    /// Opens the page. `attacker` is where its name leads: an address, or `localhost` for [::1] and
    /// 127.0.0.1, in this order.
    init(_ page: String, attacker: String = "127.0.0.1") throws {
        program = try Outsider(
            Self.words(folder, page, attacker), environment: Self.environment(folder))
    }

    deinit {
        program.descendants()
        program.signal(SIGKILL)
        // What watches for crashes leaves the tree; only the environment still leads to it.
        let isOver = eventually {
            let pids = Self.pids(folder)
            for pid in pids { ProcessTable.end(pid) }
            return pids.isEmpty
        }
        if !isOver { Issue.record("the browser does not end: \(Self.pids(folder))") }
    }

    /// What the page of an address looks like when it is typed into the address bar.
    static func show(_ page: String) throws -> String {
        let folder = TemporaryFolder()
        let result = try Program.run(
            words(folder, page, "127.0.0.1", ["--dump-dom"]), environment: environment(folder),
            seconds: 25)
        for pid in pids(folder) { ProcessTable.end(pid) }
        #expect(result.exit == 0, "\(page): \(result.errors.suffix(2_000))")
        return result.output
    }

    private static func words(
        _ folder: TemporaryFolder, _ page: String, _ attacker: String, _ more: [String] = []
    ) -> [String] {
        let names = [
            "EXCLUDE 127.0.0.1", "EXCLUDE localhost", "EXCLUDE 0.0.0.0",
            "MAP attacker.example \(attacker)", "MAP * ~NOTFOUND",
        ]
        // The sandbox needs privileges that a build machine does not give; the pages are ours. The
        // limit is for a test that is killed itself.
        return [
            "timeout", "--kill-after=1", "60", path, "--headless", "--no-sandbox", "--disable-gpu",
            "--no-first-run", "--no-default-browser-check", "--no-proxy-server",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-default-apps", "--disable-breakpad", "--disable-extensions",
            "--disable-popup-blocking", "--disable-dev-shm-usage",
            "--host-resolver-rules=\(names.joined(separator: ", "))",
            "--user-data-dir=\(folder.file("profile"))",
        ] + more + [page]
    }

    private static func environment(_ folder: TemporaryFolder) -> [String] {
        // No bus: it would be asked for secrets, and wait.
        let bus = "unix:path=\(folder.file("bus"))"
        return [
            "HOME=\(folder.path)", "TMPDIR=\(folder.path)", "DBUS_SESSION_BUS_ADDRESS=\(bus)",
            "DBUS_SYSTEM_BUS_ADDRESS=\(bus)",
        ]
    }

    /// Living processes that were started with this home folder.
    private static func pids(_ folder: TemporaryFolder) -> [Int32] {
        ProcessTable.parents().keys.filter {
            ProcessTable.words($0, "environ").contains("HOME=\(folder.path)")
        }
    }
}
