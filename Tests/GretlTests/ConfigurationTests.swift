// config.toml: what is taken, and that every complaint names its line and what to do.

import Glibc
import Gretl
import TestSupport
import Testing

/// A file with something wrong in it, and words the complaint about a line must hold.
struct BadConfiguration: Sendable, CustomTestStringConvertible {
    let text: String
    let line: Int?
    let words: [String]

    init(_ text: String, _ line: Int?, _ words: String...) {
        self.text = text
        self.line = line
        self.words = words
    }

    var testDescription: String { text }
}

private let badOnes = [
    BadConfiguration("prot = 1", 1, "unknown key \"prot\"", "did you mean \"port\""),
    BadConfiguration("\n\nbnid = \"::1\"", 3, "did you mean \"bind\""),
    BadConfiguration("token = \"12345678\"", 1, "did you mean \"auth.token\""),
    BadConfiguration("[auth]\ntokne = \"12345678\"", 2, "did you mean \"auth.token\""),
    BadConfiguration("[limit]\nservices = 3", 1, "unknown table", "did you mean \"limits\""),
    BadConfiguration("[limits]\nbody-bytes = 2048", 2, "did you mean \"limits.body_bytes\""),
    BadConfiguration("peercheck = true", 1, "did you mean \"peer_check\""),
    BadConfiguration("[zzz]\nqqq = 1", 1, "unknown table \"zzz\""),
    BadConfiguration("completely_different = 1", 1, "unknown key \"completely_different\""),
    BadConfiguration("port = \"80\"", 1, "port must be a whole number from 0 to 65535, not text"),
    BadConfiguration("port = 80.5", 1, "not a number with a point"),
    BadConfiguration("port = -1", 1, "from 0 to 65535, not -1"),
    BadConfiguration("sdk_port = 65536", 1, "sdk_port must be from 0 to 65535"),
    BadConfiguration("# x\nport = 65536", 2, "from 0 to 65535"),
    BadConfiguration("port = 9223372036854775807", 1, "from 0 to 65535"),
    BadConfiguration("port = 99999999999999999999", 1),
    BadConfiguration("port = 2026-11-23", 1, "not a date"),
    BadConfiguration("bind = 1", 1, "bind must be"),
    BadConfiguration("bind = []", 1, "at least one"),
    BadConfiguration("bind = [\n  \"127.0.0.1\",\n  \"local\"]", 3, "numeric"),
    BadConfiguration("bind = \"localhost\"", 1, "write [\"127.0.0.1\", \"::1\"]"),
    BadConfiguration("bind = [\"127.0.0.1\", 5]", 1, "text in quotes"),
    BadConfiguration("bind = \"192.168.1.2\"", 1, "set auth.token"),
    BadConfiguration("bind_public = true\nbind = \"0.0.0.0\"", 2, "set auth.token"),
    BadConfiguration("bind = \"::\"\nauth.token = \"0123456789abcdef\"", 1, "bind_public = true"),
    BadConfiguration("bind_public = \"yes\"", 1, "true or false"),
    BadConfiguration("auth = \"0123456789abcdef\"", 1, "[auth]"),
    BadConfiguration("auth.token = \"short\"", 1, "8 to 1024"),
    BadConfiguration("[auth]\n\ntoken = \"with space in it\"", 3, "visible ASCII"),
    BadConfiguration("auth.token = \"tab\\tinside1234\"", 1, "visible ASCII"),
    BadConfiguration("auth.token = 12345678", 1, "text in quotes"),
    BadConfiguration("hosts = \"box\"", 1, "list"),
    BadConfiguration("hosts = [\"http://box\"]", 1, "host names"),
    BadConfiguration("hosts = [\"*\"]", 1, "not *"),
    BadConfiguration("hosts = [\"*.example\"]", 1, "not *"),
    BadConfiguration("hosts = [\"0.0.0.0\"]", 1, "not 0.0.0.0"),
    BadConfiguration("hosts = [\"[::]\"]", 1, "not 0.0.0.0"),
    BadConfiguration("hosts = [\"a\",\n\"box:80\"]", 2, "host names"),
    BadConfiguration("[cors]\norigins = [\"*\"]", 2, "origins"),
    BadConfiguration("[cors]\norigins = [\"null\"]", 2, "origins"),
    BadConfiguration("[cors]\norigins = [\"https://a.example/\"]", 2, "origins"),
    BadConfiguration("[cors]\norigins = [\"https://A.example\"]", 2, "lower case"),
    BadConfiguration("[cors]\norigins = [\"a.example\"]", 2, "origins"),
    BadConfiguration("peer_check = 1", 1, "true or false"),
    BadConfiguration("[limits]\nbody_bytes = 1", 2, "from 1024 to 67108864"),
    BadConfiguration("[limits]\nconnections = 0", 2, "from 8 to 100000"),
    BadConfiguration("[limits]\nhead_timeout_ms = 1", 2, "from 100 to 600000"),
    BadConfiguration("[limits]\nbody_timeout_ms = true", 2, "not true or false"),
    BadConfiguration("[limits]\nidle_timeout_ms = 0", 2, "from 1000"),
    BadConfiguration("[limits]\nservices = 0", 2, "from 1 to 1000000"),
    BadConfiguration("[log]\nlevel = \"inof\"", 2, "error, warn, info, debug", "\"info\""),
    BadConfiguration("[[log]]\nlevel = \"info\"", 1, "[log]"),
    BadConfiguration("port = ", 1),
    BadConfiguration("port = 1\nport = 2", 2),
    BadConfiguration("a = 1\n[b\n", 2),
    BadConfiguration("x = \"unterminated", 1),
    BadConfiguration("[=", 1, "expected bare key"),
    BadConfiguration("a\u{FD3F} = 1", 1),
    BadConfiguration("a.b" + String(repeating: ".c", count: 100_000) + " = 1", 1, "32 levels"),
]

@Suite struct ConfigurationTests {
    private func parse(_ text: String) throws -> Configuration {
        try Configuration.parse(Array(text.utf8))
    }

    @Test func programsOfRunsAreConfinedAsTheFileSays() throws {
        let text = """
            [runs]
            sandbox = "off"
            network = "on"
            caches = ["~/.m2", "/var/cache/x"]
            secrets = ["~/.secret"]
            environment = ["MAVEN_HOME", "A=b"]
            blocked_commands = ["sudo"]
            output_bytes = 1000
            programs = 2
            memory_mib = 4096
            """
        let runs = try Configuration.parse(Array(text.utf8)).runPrograms
        #expect(runs.confinement == Confinement(isSandboxed: false, hasNetwork: true))
        #expect(runs.caches == ["~/.m2", "/var/cache/x"])
        #expect(runs.secrets == RunSettings.commonSecrets + ["~/.secret"])
        #expect(runs.environment == RunSettings.commonVariables + ["MAVEN_HOME", "A=b"])
        #expect(runs.blockedCommands == ["sudo"] && runs.outputBytes == 1_000)
        #expect(runs.programs == 2 && runs.memoryMiB == 4_096)
        for (line, said) in [
            ("sandbox = \"landlock\"", "must be \"on\" or \"off\""), ("sandbox = false", "text"),
            ("caches = [\"/\"]", "from / or ~/ on"), ("caches = [\"~/../x\"]", "from / or ~/ on"),
            ("secrets = [\"x\"]", "from / or ~/ on"), ("programs = 0", "from 1 to 64"),
            ("environment = [\"GR_TOKEN\"]", "no keys"),
            ("environment = [\"OPENAI_API_KEY\"]", "no keys"),
            ("environment = [\"=x\"]", "names of variables"),
        ] {
            do throws(ConfigurationError) {
                _ = try Configuration.parse(Array("[runs]\n\(line)\n".utf8))
                Issue.record("\(line) was read")
            } catch { #expect(error.description.contains(said), "\(error)") }
        }
    }

    @Test(arguments: badOnes)
    func whatIsWrongIsNamedWithItsLine(_ bad: BadConfiguration) throws {
        let error = try #require(throws: ConfigurationError.self) { try parse(bad.text) }
        let problem = error.problems.first {
            problem in bad.words.allSatisfy { problem.message.contains($0) }
        }
        let found = try #require(problem, "\(error)")
        #expect(found.line == bad.line)
        #expect(error.description.contains("config.toml:\(bad.line ?? 0):"))
    }

    @Test func everythingWrongIsListedAtOnce() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try parse("prot = 1\nport = -1\n[log]\nlevel = 3\n")
        }
        #expect(error.problems.map(\.line) == [1, 2, 4])
    }

    @Test func aFileFullOfMistakesMakesABoundedComplaint() throws {
        let text = (0..<5_000).map { "wrong\($0) = 1" }.joined(separator: "\n")
        let error = try #require(throws: ConfigurationError.self) { try parse(text) }
        #expect(error.problems.count == 51)
        #expect(error.problems.last?.message == "and more")
    }

    @Test func theTokenIsInNoMessage() throws {
        let token = "s3cr3t-t0ken-value"
        for text in [
            "auth.token = \"\(token) \"", "auth.token = \(token)", "auth.token = \"\(token)",
            "auth.token = \"\(token)\"\nport = -1", "[auth]\ntoken = [\"\(token)\"]",
            "auth.token = 9999999999999999999999", "auth.\"\(token)",
        ] {
            let error = try #require(throws: ConfigurationError.self) { try parse(text) }
            #expect(!error.description.contains("s3cr3t"), "\(error)")
            #expect(!error.description.contains("99999999"), "\(error)")
        }
        let configuration = try parse("auth.token = \"\(token)\"")
        #expect(!"\(configuration)".contains("s3cr3t"))
        #expect(!String(reflecting: configuration).contains("s3cr3t"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("s3cr3t"))
    }

    @Test func everyKeyArrives() throws {
        let configuration = try parse(
            """
            bind = ["127.0.0.1", "192.168.1.2", "0:0:0:0:0:0:0:1", "::1"]
            port = 0
            bind_public = true
            hosts = ["Box.Example", "10.0.0.1"]
            peer_check = false
            [auth]
            token = "0123456789abcdef"
            [cors]
            origins = ["https://app.example:8443", "chrome-extension://abc", "tauri://localhost"]
            [limits]
            body_bytes = 2048
            connections = 64
            head_timeout_ms = 5000
            body_timeout_ms = 6000
            idle_timeout_ms = 7000
            services = 12
            [log]
            level = "debug"
            [tethers]
            ports = "30000-30009"
            wake_on_connect = false
            wake_timeout_ms = 8000
            """)
        var expected = Configuration()
        expected.bind = ["127.0.0.1", "192.168.1.2", "::1"]
        expected.port = 0
        expected.bindPublic = true
        expected.hosts = ["box.example", "10.0.0.1"]
        expected.peerCheck = false
        expected.token = Secret("0123456789abcdef")
        expected.corsOrigins = [
            "https://app.example:8443", "chrome-extension://abc", "tauri://localhost",
        ]
        expected.limits.bodyBytes = 2_048
        expected.limits.connections = 64
        expected.limits.headTimeout = .seconds(5)
        expected.limits.bodyTimeout = .seconds(6)
        expected.limits.idleTimeout = .seconds(7)
        expected.limits.services = 12
        expected.logLevel = .debug
        expected.tethers.ports = 30_000...30_009
        expected.tethers.wakesOnConnect = false
        expected.tethers.wakeTimeout = .seconds(8)
        #expect(configuration == expected)
    }

    @Test func anEmptyFileMeansTheDefaults() throws {
        #expect(try parse("") == Configuration())
        #expect(try parse("\u{FEFF}# nothing\n") == Configuration())
    }

    @Test func bytesThatAreNotTextAreRefusedWithoutATrap() throws {
        for bytes in [[0xFF, 0xFE], [0x61, 0x00], [0x61, 0x3D, 0x22, 0xC3], [0x5B]] as [[UInt8]] {
            #expect(throws: ConfigurationError.self) { try Configuration.parse(bytes) }
        }
        let deep = Array(("a = " + String(repeating: "[", count: 50_000)).utf8)
        #expect(throws: ConfigurationError.self) { try Configuration.parse(deep) }
    }
}

@Suite struct ConfigurationFileTests {
    private let folder = TemporaryFolder()
    private var path: String { folder.file("config.toml") }

    private func complaint() throws -> String {
        let path = path
        return try #require(throws: ConfigurationError.self) {
            try Configuration.load(path: path)
        }.description
    }

    @Test func aMissingFileMeansTheDefaults() throws {
        #expect(try Configuration.load(path: path) == Configuration())
        #expect(try Configuration.load(path: folder.file("no/such")) == Configuration())
    }

    @Test(arguments: [0o620, 0o602, 0o666] as [UInt32])
    func aFileOthersCanWriteIsRefusedWithTheFix(_ mode: UInt32) throws {
        TemporaryFolder.write("port = 1", to: path, mode: mode)
        #expect(try complaint().contains("chmod 600 \(path)"))
    }

    @Test func aReadableFileWithATokenIsWarnedAbout() throws {
        TemporaryFolder.write("auth.token = \"0123456789abcdef\"", to: path, mode: 0o644)
        #expect(try Configuration.load(path: path).warnings.first?.contains("chmod 600") == true)
        TemporaryFolder.write("port = 1", to: path, mode: 0o644)
        #expect(try Configuration.load(path: path).warnings.isEmpty)
    }

    @Test func anOwnLinkIsFollowedAndForeignThingsAreNot() throws {
        let real = folder.file("real.toml")
        TemporaryFolder.write("port = 7", to: real)
        #expect(unsafe symlink(real, path) == 0)
        #expect(try Configuration.load(path: path).port == 7)
        guard geteuid() == 0 else { return }
        #expect(unsafe lchown(path, 12_345, 12_345) == 0)
        // Root may trust root only: another user's link is refused.
        #expect(try complaint().contains("link made by uid 12345"))
        #expect(unsafe unlink(path) == 0)
        TemporaryFolder.write("port = 7", to: path)
        #expect(unsafe chown(path, 12_345, 12_345) == 0)
        #expect(try complaint().contains("belongs to uid 12345"))
    }

    @Test func foldersPipesAndHugeFilesAreRefused() throws {
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(try complaint().contains("regular file"))
        #expect(unsafe unlink(path) == 0)
        #expect(unsafe mkdir(path, 0o700) == 0)
        #expect(try complaint().contains("regular file"))
        #expect(unsafe rmdir(path) == 0)
        TemporaryFolder.write(String(repeating: "#\n", count: 600_000), to: path)
        #expect(try complaint().contains("larger than"))
    }
}

@Suite struct TetherConfigurationTests {
    @Test(arguments: [
        "21000", "0-9", "9-8", "1-65536", "a-b", "1-2-3", "-1-2", " 1-2", "", "+1-2",
    ])
    func portsThatAreNoRangeAreRefused(text: String) {
        #expect(throws: ConfigurationError.self) {
            try Configuration.parse(Array("[tethers]\nports = \"\(text)\"\n".utf8))
        }
    }
}
