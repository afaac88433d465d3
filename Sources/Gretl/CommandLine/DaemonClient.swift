// The API as the commands call it: one request, its body or a failure with an exit code.
//
// Everything that can go wrong between here and the daemon is put into words in this file. It keeps
// no connection: a command makes one or two requests and ends, or reads a stream. A daemon that is
// not there is started when the command wants one; nothing was sent then, so the request is made
// again.

internal import FoundationEssentials
internal import NetCore

/// A client of one daemon.
struct DaemonClient: Sendable {
    let place: DaemonPlace
    let token: String?
    /// For the routes of /k8s, when there is no other.
    var clusterToken: String?
    /// Starts the daemon of the home folder; nil when that is not wanted.
    var start: (@Sendable () throws(CommandFailure) -> Void)?
    /// Told what the daemon's answers say of its version.
    var noteServer: @Sendable (String) -> Void = { _ in }

    /// Where it is reached over TCP, for output.
    var address: DaemonAddress { place.shown }

    /// Who answered, for messages: the socket, where there is one, is tried first.
    private var door: String {
        guard let socket = place.socket, HomeInspection.facts(socket)?.kind == .socket else {
            return address.url
        }
        return socket
    }

    /// Sends a request and gives the body of a 2xx answer.
    func call(
        _ method: String, _ target: String, body: [UInt8]? = nil,
        within timeout: Duration = .seconds(10)
    ) throws(CommandFailure) -> [UInt8] {
        var call = request(method, target, accepting: "application/json")
        if body != nil { call.headers.append((name: "Content-Type", value: "application/json")) }
        call.body = body
        call.answerTimeout = timeout
        if timeout > Self.plainPatience { call.isServerThere = isAlive }
        let answer = try reach(call) { (call) throws(BlockingCall.Failure) in try call.perform() }
        if let server = answer.server { noteServer(server) }
        guard (200..<300).contains(answer.status) else { throw failure(answer) }
        return answer.body
    }

    /// Whoever waits longer than that looks now and then whether the daemon is still there.
    private static let plainPatience = Duration.seconds(10)

    /// Whether the daemon answers anything at all.
    private func isAlive() -> Bool {
        var probe = self
        probe.start = nil
        probe.noteServer = { _ in }
        do throws(CommandFailure) {
            _ = try probe.call("GET", "/health", within: .seconds(5))
            return true
        } catch { return error.body != nil }
    }

    /// Sends a request whose answer goes on: a stream of events, or a terminal.
    func open(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [],
        upgrade: StaticString? = nil
    ) throws(CommandFailure) -> BlockingStream {
        var call = request(method, target, accepting: "text/event-stream, application/json")
        call.upgrade = upgrade
        call.headers += headers
        let (stream, body) = try reach(call) { (call) throws(BlockingCall.Failure) in
            let stream = try call.open()
            if (200..<300).contains(stream.status) || stream.status == 101 {
                return (stream, [UInt8]())
            }
            return (stream, try stream.rest(within: .seconds(10)))
        }
        if let server = stream.header("server") { noteServer(server) }
        if (200..<300).contains(stream.status) || stream.status == 101 { return stream }
        throw failure(BlockingCall.Answer(status: stream.status, body: body))
    }

    /// A request with the fields of every request, for ``reach(_:_:)``.
    func request(_ method: String, _ target: String, accepting: String) -> BlockingCall {
        var call = BlockingCall(host: "localhost", port: 0, method: method, target: target)
        call.headers = [
            (name: "User-Agent", value: "gr/\(Version.text)"),
            (name: "Accept", value: accepting), (name: "X-Gretl", value: "1"),
        ]
        let isCluster = target == "/k8s" || target.hasPrefix("/k8s/")
        if let token = token ?? (isCluster ? clusterToken : nil) {
            call.headers.append((name: "Authorization", value: "Bearer \(token)"))
        }
        call.ownersOnly = true
        return call
    }

    /// Does `operation` with `call` at the first door where somebody answers.
    func reach<Value>(
        _ call: BlockingCall,
        _ operation: (BlockingCall) throws(BlockingCall.Failure) -> Value
    ) throws(CommandFailure) -> Value {
        switch try knock(call, operation) {
        case .success(let value): return value
        case .failure(let nobody):
            guard let start else { throw nobody }
            try start()
            return try knock(call, operation).get()
        }
    }

    /// Tries the doors; a failure in the result is that nobody is at any.
    private func knock<Value>(
        _ call: BlockingCall,
        _ operation: (BlockingCall) throws(BlockingCall.Failure) -> Value
    ) throws(CommandFailure) -> Result<Value, CommandFailure> {
        var call = call
        if let socket = place.socket {
            call.socketPath = socket
            do throws(BlockingCall.Failure) { return .success(try operation(call)) } catch {
                guard case .unreachable = error else { throw failure(error, of: call, at: socket) }
            }
            call.socketPath = nil
        }
        let address: DaemonAddress
        do throws(CommandFailure) { address = try place.address() } catch {
            guard error.code == "daemon_unreachable" else { throw error }
            return .failure(error)
        }
        guard !place.isDeserted else { return .failure(nobody(at: address.url, "it has ended")) }
        call.host = address.host
        call.port = address.port
        do throws(BlockingCall.Failure) { return .success(try operation(call)) } catch {
            let failure = failure(error, of: call, at: address.url)
            guard case .unreachable(let error) = error, error.isRefusal else { throw failure }
            return .failure(failure)
        }
    }

    /// A body as a value.
    func decode<Value: Decodable>(
        _ type: Value.Type, _ body: some Collection<UInt8>
    ) throws(CommandFailure) -> Value {
        guard let value = Self.value(type, body) else {
            throw CommandFailure(
                exit: .failure, code: "unexpected_answer",
                message: "the answer of \(door) is not what this gr knows",
                hint: "compare the versions: gr version")
        }
        return value
    }

    /// A part of a stream as a value; nil when it is not one.
    static func value<Value: Decodable>(
        _ type: Value.Type, _ body: some Collection<UInt8>
    ) -> Value? {
        try? JSONDecoder().decode(type, from: Data(body))
    }

    /// `/v1/services/NAME`, with what follows.
    static func target(service name: String, _ rest: String = "") -> String {
        "/v1/services/" + percentEncoded(name) + rest
    }

    /// A name as one path segment. A name of dots only is encoded too, because `.` and `..` mean
    /// something else in a path.
    static func percentEncoded(_ name: String) -> String {
        let isDots = name.utf8.allSatisfy { $0 == 0x2E }
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x7E: result.append(byte)
            case 0x2E where !isDots: result.append(byte)
            default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: Failures

    private struct Envelope: Decodable {
        struct Details: Decodable {
            let logTail: [String]?
        }
        let code: String
        let message: String
        let hint: String?
        let details: Details?
    }

    private func failure(_ answer: BlockingCall.Answer) -> CommandFailure {
        guard let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(answer.body))
        else {
            return CommandFailure(
                exit: ExitCode(status: answer.status, code: ""), code: "unexpected_answer",
                message: "\(door) answered with status \(answer.status) and no reason",
                hint: "is it the daemon? ask it: gr health")
        }
        var failure = CommandFailure(
            exit: ExitCode(status: answer.status, code: envelope.code), code: envelope.code,
            message: envelope.message, hint: envelope.hint,
            lines: envelope.details?.logTail ?? [], body: answer.body)
        if let hint = hint(for: envelope.code) {
            failure.hint = hint
            failure.renewBody()
        }
        return failure
    }

    /// What a user of gr does about a refusal whose own hint is for programs, or for the owner of
    /// the daemon.
    private func hint(for code: String) -> String? {
        switch code {
        case "forbidden_user":
            guard place.isHome, let home = place.home else {
                return "another user's daemon listens there; your own one is found without "
                    + "--address and GRETL_DAEMON"
            }
            return "another user's daemon has this port; for one of your own write a line such as "
                + "'port = 21611' into \(home.path)/config.toml; see: gr doctor"
        case "unauthorized":
            return "gr sends $GR_AUTH_TOKEN, or the auth.token of config.toml; a daemon that is "
                + "older than that file knows it after: \(place.restart)"
        default: return nil
        }
    }

    private func unreachable(_ message: String, _ hint: String) -> CommandFailure {
        CommandFailure(
            exit: .unreachable, code: "daemon_unreachable", message: message, hint: hint)
    }

    private func nobody(at door: String, _ reason: String) -> CommandFailure {
        unreachable(
            "no daemon answers at \(door): \(reason)",
            place.isAddressed
                ? "is the address right? your own daemon is found without --address and "
                    + "GRETL_DAEMON"
                : "start it with: gr daemon start")
    }

    private func failure(
        _ failure: BlockingCall.Failure, of call: BlockingCall, at door: String
    ) -> CommandFailure {
        switch failure {
        case .unreachable(let error): return nobody(at: door, SystemError.text(error.code))
        case .closedEarly:
            return unreachable(
                "the daemon at \(door) ended the connection", "ask it: gr health")
        case .malformed:
            return unreachable(
                "what answers at \(door) does not speak HTTP",
                "another program has the port; see: gr help serve, --listen")
        case .notNumeric:
            return .usage(
                "'\(door)' is no numeric address", hint: "names are not looked up")
        case .unsendable:
            return CommandFailure(
                exit: .failure, code: "invalid_token",
                message: "the token holds a byte that cannot be sent",
                hint: "see GR_AUTH_TOKEN and auth.token")
        case .timedOut:
            let isQuestion = call.method == "GET"
            return unreachable(
                "the daemon at \(door) did not answer in time"
                    + (isQuestion ? "" : "; it may still do what it was told"),
                place.isAddressed
                    ? "if it hangs, end it where it runs; its services go on"
                    : "if it hangs: gr daemon stop; its services go on")
        case .foreignServer(let uid):
            return CommandFailure(
                exit: .notAllowed, code: "foreign_server",
                message: "what listens at \(door) belongs to another user (uid \(uid))",
                hint: "nothing was sent; "
                    + (door == place.socket
                        ? HomeFolder.wayOut(socket: door)
                        : "start your own daemon with: gr daemon start"))
        case .tooLarge:
            return CommandFailure(
                exit: .failure, code: "unexpected_answer",
                message: "the answer of \(door) is too large", hint: nil)
        }
    }
}
