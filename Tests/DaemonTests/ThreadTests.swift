// The threads of a daemon: two at rest, further ones only when what needs them is used.

import TestSupport
import Testing

@Suite struct ThreadTests {
    private static func names(_ daemon: DaemonProcess) -> [String] {
        ProcessTable.folderNames("/proc/\(daemon.pid)/task").sorted().map {
            let name = TextFile.read("/proc/\(daemon.pid)/task/\($0)/comm") ?? "gone"
            return name.trimmingSuffix("\n")
        }
    }

    @Test func `Two threads at rest, also when services and groups are asked for`() throws {
        let daemon = try DaemonProcess()
        for path in ["/v1/services", "/v1/groups", "/v1/ports", "/api/runs", "/api/goals"] {
            #expect(try daemon.ask("GET", path).status == 200)
        }
        #expect(Set(Self.names(daemon)) == ["gr", "gr-storage"])
        // The thread sanitizer has one of its own.
        let most = HostileClientTests.isPadded ? 3 : 2
        #expect((2...most).contains(Self.names(daemon).count))
    }

    @Test func `A run brings the threads it needs`() throws {
        let stage = try RunStage(["Makefile": "test:\n\t@true\n"])
        try stage.model.script(RunStage.reply("Look.", ("file_list", "{}")))
        let run = try stage.start("make-test", iterations: 1)
        #expect(try stage.end(of: run)["status"].text == "achieved")
        #expect(
            Set(Self.names(stage.daemon)) == ["gr", "gr-storage", "gr-files", "gr-programs"])
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
