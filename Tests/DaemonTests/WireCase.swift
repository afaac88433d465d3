// Tables of requests and the answers the RFCs allow, and the one function that judges them all.
// Beside the status it always checks the form of the answer and that the connection then does what
// the answer announced.

import TestSupport
import Testing

/// One request on a connection of its own.
struct WireCase {
    let name: String
    let request: [UInt8]
    let statuses: [Int]
    let method: String

    init(_ name: String, _ request: String, _ statuses: Int...) {
        self.name = name
        self.request = Array(request.utf8)
        self.statuses = statuses
        method = request.hasPrefix("HEAD ") ? "HEAD" : "GET"
    }
}

/// A request text: line, fields, blank line, body.
func request(
    _ line: String, _ fields: [String] = [], host: String? = "localhost", body: String = ""
) -> String {
    let all = (host.map { ["Host: \($0)"] } ?? []) + fields
    return line + "\r\n" + all.map { $0 + "\r\n" }.joined() + "\r\n" + body
}

func get(_ target: String, _ fields: [String] = [], host: String? = "localhost") -> String {
    request("GET \(target) HTTP/1.1", fields, host: host)
}

/// A POST of JSON with its length.
func post(_ target: String, _ body: String, _ fields: [String] = []) -> String {
    let length = ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
    return request("POST \(target) HTTP/1.1", length + fields, body: body)
}

extension DaemonProcess {
    /// Sends each case and judges what comes back.
    func judge(
        _ cases: [WireCase], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for item in cases {
            let client = try WireClient(self)
            client.send(item.request)
            do {
                let answer = try client.answer(to: item.method)
                #expect(
                    item.statuses.contains(answer.status),
                    "\(item.name): \(answer.status) \(answer.text), not \(item.statuses)",
                    sourceLocation: sourceLocation)
                let problems = answer.problems(answering: item.method)
                #expect(problems.isEmpty, "\(item.name)", sourceLocation: sourceLocation)
                let text = String(decoding: item.request, as: UTF8.self)
                if answer.status != 101 {
                    client.keepsPromise(answer, item.name, isOld: text.contains(" HTTP/1.0\r\n"))
                }
            } catch {
                Issue.record("\(item.name): \(error)", sourceLocation: sourceLocation)
            }
        }
        #expect(isAlive, sourceLocation: sourceLocation)
    }

    /// One request on a new connection; the answer must be well-formed.
    @discardableResult
    func ask(
        _ method: String, _ target: String, _ body: String? = nil, _ fields: [String] = [],
        host: String = "localhost", within milliseconds: Int64 = 15_000,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> WireAnswer {
        let client = try WireClient(self)
        var all = fields
        if let body {
            if !all.contains(where: { $0.hasPrefix("Content-Type:") }) {
                all.append("Content-Type: application/json")
            }
            all.append("Content-Length: \(body.utf8.count)")
        }
        client.send(request("\(method) \(target) HTTP/1.1", all, host: host, body: body ?? ""))
        let answer = try client.answer(to: method, within: milliseconds)
        #expect(
            answer.problems(answering: method).isEmpty, "\(method) \(target)",
            sourceLocation: sourceLocation)
        return answer
    }
}

extension WireClient {
    /// The connection ends when the answer said so and serves another request when it did not.
    func keepsPromise(_ answer: WireAnswer, _ name: String, isOld: Bool = false) {
        let ends = answer.connection("close") || isOld && !answer.connection("keep-alive")
        if ends {
            #expect(ending() == .closed, "\(name): the connection should have ended")
            return
        }
        #expect(isSilent(for: 0), "\(name): something came after the answer")
        send(get("/health"))
        do {
            let again = try self.answer()
            #expect([200, 401].contains(again.status), "\(name): the next answer: \(again.text)")
        } catch {
            Issue.record("\(name): announced to stay open, but \(error)")
        }
    }
}
