// The fake API server of the tests as a process of its own: TLS, a kubeconfig with a client
// certificate and one with a token, and a control port on which a test makes objects and trouble.
// Ended by pid with the test.

import TestSupport
import Testing

/// A fake cluster.
final class FakeClusterProcess {
    private let folder = TemporaryFolder()
    private let program: Outsider
    private let control: UInt16

    struct NotReady: Error {}

    init() throws {
        program = try Outsider(
            [
                "sh", "-c", "exec \"$0\" \"$1\" > \"$1/ready\"",
                BuildProducts.directory + "/fake-cluster", folder.path,
            ],
            environment: [])
        let ready = folder.file("ready")
        guard eventually(within: 10_000, { TextFile.read(ready)?.hasSuffix("\n") == true }),
            let words = TextFile.read(ready)?.split(whereSeparator: \.isWhitespace),
            words.count == 3, let control = UInt16(words[2])
        else { throw NotReady() }
        self.control = control
    }

    /// The path of a kubeconfig: "certificate" or "token".
    func kubeconfig(_ kind: String = "certificate") -> String {
        folder.file("kubeconfig.\(kind)")
    }

    /// Makes objects or trouble: `workload?name=web&replicas=2`.
    func tell(_ words: String) throws {
        let answer = try Program.run([
            "curl", "-sS", "-f", "-X", "POST", "http://127.0.0.1:\(control)/fake/\(words)",
        ])
        #expect(answer.exit == 0, "\(words): \(answer.errors)")
    }

    /// What kubectl says, as whom the certificate names.
    func kubectl(_ words: String...) throws -> ProgramResult {
        try Program.run(
            ["kubectl", "--kubeconfig", kubeconfig(), "--cache-dir", folder.file("cache")] + words,
            environment: ["HOME=\(folder.path)", "PATH=/usr/local/bin:/usr/bin:/bin"])
    }
}
