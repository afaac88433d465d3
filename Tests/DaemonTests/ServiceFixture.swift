// Programs the daemon is asked to run, and the requests about them that most suites share. The
// server is a short perl script (perl-base is on every Debian): environment variables say how it
// behaves. Everything it writes is in a folder of the test.

import CEpoll
import Glibc
import Synchronization
import TestSupport
import Testing

/// A daemon with a folder of programs beside it.
final class ServiceFixture {
    let daemon: DaemonProcess
    let folder = TemporaryFolder()

    init(
        configuration: String? = nil, environment: [String] = [], umask: String = "022"
    ) throws {
        daemon = try DaemonProcess(
            configuration: configuration, environment: environment, umask: umask)
        TemporaryFolder.write(Self.server, to: folder.file("server.pl"))
    }

    /// Listens on PORT of HOST after DELAY seconds. FAILS answers of 503 come first. TERM_DOES:
    /// "ignore", or the exit code after the signal.
    private static let server = #"""
        use Socket;
        $SIG{TERM} = $ENV{TERM_DOES} eq "ignore" ? "IGNORE" : sub { exit $ENV{TERM_DOES} }
            if defined $ENV{TERM_DOES};
        $| = 1;
        print "starting $$\n";
        select(undef, undef, undef, $ENV{DELAY}) if $ENV{DELAY};
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
        setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($s, sockaddr_in($ENV{PORT}, inet_aton($ENV{HOST} || "127.0.0.1"))) or die "bind: $!";
        listen($s, 64) or die;
        print "listening\n";
        my $fails = $ENV{FAILS} || 0;
        while (1) {
            accept(my $c, $s) or next;
            my $line = <$c>;
            my $status = $fails-- > 0 ? "503 No" : "200 OK";
            print $c "HTTP/1.1 $status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            close $c;
            exit 9 if $line && $line =~ m{ /die };
        }
        """#

    var serverCommand: String { "exec perl \(folder.file("server.pl"))" }

    /// A port nobody listens on at the moment. Not one of those the kernel gives to clients, which
    /// another test may have the next moment, and none that another test of this process was given.
    static func freePort() -> UInt16 {
        for _ in 0..<1_000 {
            let count = nextPort.wrappingAdd(1, ordering: .relaxed).newValue
            let port = UInt16(12_000 + count % 15_000)
            if Holder("127.0.0.1", port: port).isListening, Holder("::1", port: port).isListening {
                return port
            }
        }
        return Holder("127.0.0.1").port
    }

    /// Begins anywhere: other processes look for ports too.
    private static let nextPort = Atomic<Int>(Int.random(in: 0..<15_000))

    /// Registers; the answer must be 201. Values are JSON texts.
    @discardableResult
    func register(
        _ name: String, port: UInt16? = nil, command: String? = nil, env: [String: String] = [:],
        more: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        let pairs = env.map { "\(quote($0.key)):\(quote($0.value))" }.joined(separator: ",")
        let port = port.map { "\($0)" } ?? "null"
        let body =
            "{\"name\":\(quote(name)),\"port\":\(port),\"cmd\":\(quote(command ?? serverCommand)),"
            + "\"env\":{\(pairs)}\(more.isEmpty ? "" : ",")\(more)}"
        let answer = try daemon.ask("POST", "/v1/services", body)
        #expect(answer.status == 201, "\(answer.text)", sourceLocation: sourceLocation)
        return answer
    }

    @discardableResult
    func start(
        _ name: String, _ query: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        try daemon.ask(
            "POST", "/v1/services/\(name)/start\(query)", sourceLocation: sourceLocation)
    }

    @discardableResult
    func stop(
        _ name: String, _ query: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        try daemon.ask("POST", "/v1/services/\(name)/stop\(query)", sourceLocation: sourceLocation)
    }

    func service(_ name: String) throws -> JSONValue {
        try daemon.ask("GET", "/v1/services/\(name)").json
    }

    /// Waits until the service has this status; false after the time.
    func waits(_ name: String, for status: String, within milliseconds: Int = 5_000) throws -> Bool
    {
        try eventually(within: milliseconds) { try service(name)["status"] == .string(status) }
    }

    /// A JSON string.
    func quote(_ text: String) -> String {
        let inner = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            default: scalar.value < 32 ? "\\u001f" : String(scalar)
            }
        }
        return "\"\(inner.joined())\""
    }
}

/// Asks every 20 ms until it is so; false after the time.
func eventually(within milliseconds: Int = 5_000, _ isSo: () throws -> Bool) rethrows -> Bool {
    let deadline = cepoll_monotonic() + Int64(milliseconds) * 1_000_000
    repeat {
        if try isSo() { return true }
        usleep(20_000)
    } while cepoll_monotonic() < deadline
    return false
}

/// Milliseconds a body takes.
func milliseconds(_ body: () throws -> Void) rethrows -> Int {
    let start = cepoll_monotonic()
    try body()
    return Int((cepoll_monotonic() - start) / 1_000_000)
}

/// A listener of the test's own on a port.
final class Holder {
    private let descriptor: Int32
    let port: UInt16

    init(_ host: String, port: UInt16 = 0) {
        var address = cepoll_address()
        _ = unsafe cepoll_address_parse(&address, host, port)
        descriptor = unsafe cepoll_listen(&address, 8)
        var local = cepoll_address()
        if descriptor >= 0 { _ = unsafe cepoll_local_address(descriptor, &local) }
        self.port = unsafe UInt16(clamping: cepoll_address_port(&local))
    }

    var isListening: Bool { descriptor >= 0 }

    deinit { if descriptor >= 0 { _ = cepoll_close(descriptor) } }
}
