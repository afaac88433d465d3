// The API as the commands call it: one request, its body or a failure with an exit code.
//
// Everything that can go wrong between here and the daemon is put into words in this file. It keeps
// no connection: a command makes one or two requests and ends.

internal import FoundationEssentials
internal import NetCore

/// A client of one daemon.
struct DaemonClient: Sendable {
    let address: DaemonAddress
    let token: String?

    /// Sends a request and gives the body of a 2xx answer.
    func call(
        _ method: String, _ target: String, body: [UInt8]? = nil,
        within timeout: Duration = .seconds(10)
    ) throws(CommandFailure) -> [UInt8] {
        var call = BlockingCall(
            host: address.host, port: address.port, method: method, target: target)
        call.headers = [
            (name: "User-Agent", value: "gr/\(Version.text)"),
            (name: "Accept", value: "application/json"), (name: "X-Gretl", value: "1"),
        ]
        if let token { call.headers.append((name: "Authorization", value: "Bearer \(token)")) }
        if body != nil { call.headers.append((name: "Content-Type", value: "application/json")) }
        call.body = body
        call.answerTimeout = timeout
        call.ownersOnly = true
        let answer: BlockingCall.Answer
        do {
            answer = try call.perform()
        } catch {
            throw failure(error)
        }
        guard (200..<300).contains(answer.status) else { throw failure(answer) }
        return answer.body
    }

    /// A body as a value.
    func decode<Value: Decodable>(
        _ type: Value.Type, _ body: some Collection<UInt8>
    ) throws(CommandFailure) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw CommandFailure(
                exit: .failure, code: "unexpected_answer",
                message: "the answer of \(address.url) is not what this gr knows",
                hint: "compare the versions: gr version")
        }
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
        let code: String
        let message: String
        let hint: String?
    }

    private func failure(_ answer: BlockingCall.Answer) -> CommandFailure {
        guard let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(answer.body))
        else {
            return CommandFailure(
                exit: ExitCode(status: answer.status, code: ""), code: "unexpected_answer",
                message: "\(address.url) answered with status \(answer.status) and no reason",
                hint: "is it the daemon? ask it: gr health")
        }
        return CommandFailure(
            exit: ExitCode(status: answer.status, code: envelope.code), code: envelope.code,
            message: envelope.message, hint: envelope.hint, body: answer.body)
    }

    private func failure(_ failure: BlockingCall.Failure) -> CommandFailure {
        func unreachable(_ message: String, _ hint: String) -> CommandFailure {
            CommandFailure(
                exit: .unreachable, code: "daemon_unreachable", message: message, hint: hint)
        }
        switch failure {
        case .unreachable(let error):
            let reason = SystemError.text(error.code)
            return unreachable(
                "no daemon answers at \(address.url): \(reason)", "start it with: gr serve")
        case .closedEarly:
            return unreachable(
                "the daemon at \(address.url) ended the connection", "ask it: gr health")
        case .malformed:
            return unreachable(
                "what answers at \(address.url) does not speak HTTP",
                "another program has the port; see: gr help serve, --listen")
        case .notNumeric:
            return .usage(
                "'\(address.host)' is no numeric address", hint: "names are not looked up")
        case .unsendable:
            return CommandFailure(
                exit: .failure, code: "invalid_token",
                message: "the token holds a byte that cannot be sent",
                hint: "see GR_AUTH_TOKEN and auth.token")
        case .timedOut:
            return unreachable(
                "the daemon at \(address.url) did not answer in time",
                "it may be stopped or very busy; see its log")
        case .foreignServer(let uid):
            return CommandFailure(
                exit: .notAllowed, code: "foreign_server",
                message: "what listens at \(address.url) belongs to another user (uid \(uid))",
                hint: "nothing was sent; start your own daemon with: gr serve")
        case .tooLarge:
            return CommandFailure(
                exit: .failure, code: "unexpected_answer",
                message: "the answer of \(address.url) is too large", hint: nil)
        }
    }
}
