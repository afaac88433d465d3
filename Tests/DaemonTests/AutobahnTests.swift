// The Autobahn suite judges the server side of WebSockets, by way of the echo program in
// Tests/WebSocketEcho. The suite is a program for Python 2.7: without one this is skipped, and says
// so.

import TestSupport
import Testing

struct AutobahnTests {
    private static let script =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        + "/scripts/autobahn"

    private static let hasPython =
        (try? Program.run(
            [script, "--python"], environment: Program.inheritedEnvironment, seconds: 30))?.exit
        == 0

    /// All but those of compression, which is declined. Those of section 9 move 16 MiB a message.
    @Test(.enabled(if: hasPython, "there is no Python 2.7, which the Autobahn suite needs"))
    func noCaseOfTheSuiteFails() throws {
        let ran = try Program.run(
            [Self.script, BuildProducts.directory + "/autobahn"],
            environment: Program.inheritedEnvironment + [
                "WEBSOCKET_ECHO=\(BuildProducts.directory)/websocket-echo"
            ], seconds: 900)
        #expect(ran.exit == 0, "\(ran.output)\(ran.errors)")
        #expect(ran.output.hasPrefix("301 cases: "), "\(ran.output)")
        #expect(!ran.output.contains("NON-STRICT"), "\(ran.output)")
    }
}
