// An answer as handlers see it, and the finished bytes it becomes. Finished answers can be kept and
// sent any number of times (ResolveTable does): only the 29 bytes of the date change, and what a
// single request needs besides (Connection, CORS) is inserted behind the date.

internal import HTTPParser

/// A status, headers and a body.
package struct Response: Sendable {
    package var status: Int
    package var contentType: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// No Content-Length: what follows the head ends with the connection, or is no longer HTTP.
    var isOpenEnded = false

    package init(
        status: Int, contentType: String = "application/json",
        headers: [(name: String, value: String)] = [], body: [UInt8]
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// The reason phrase of a status (RFC 9110 section 15, RFC 6585).
    package static func reason(_ status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 426: "Upgrade Required"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}

/// An answer in its final bytes: `HTTP/1.1 200 OK\r\nDate: ` date `\r\n` headers, empty line, body.
package struct PreparedAnswer {
    let chunk: ByteChunk
    /// Where the 29 bytes of the date go.
    let dateOffset: Int
    /// Where headers of one request can be inserted.
    let insertOffset: Int
    /// Length without the body, which is what HEAD gets.
    let headCount: Int

    /// Renders `response`. `common` is added to every answer of a server: complete header lines.
    package init(_ response: Response, common: [UInt8]) {
        var head: [UInt8] = []
        head.reserveCapacity(256 + common.count)
        head.append(text: "HTTP/1.1 ")
        head.append(number: response.status)
        head.append(UInt8(ascii: " "))
        head.append(text: Response.reason(response.status))
        head.append(text: "\r\nDate: ")
        dateOffset = head.count
        for _ in 0..<HTTPServer.dateCount { head.append(UInt8(ascii: " ")) }
        head.append(text: "\r\n")
        insertOffset = head.count
        if response.status != 204 {
            if !response.contentType.isEmpty {
                head.append(text: "Content-Type: ")
                head += response.contentType.utf8
                head.append(text: "\r\n")
            }
            if !response.isOpenEnded {
                head.append(text: "Content-Length: ")
                head.append(number: response.body.count)
                head.append(text: "\r\n")
            }
        }
        for header in response.headers where PreparedAnswer.isSafe(header.value) {
            head += header.name.utf8
            head.append(text: ": ")
            head += header.value.utf8
            head.append(text: "\r\n")
        }
        head += common
        head.append(text: "\r\n")
        headCount = head.count
        chunk = ByteChunk(capacity: head.count + response.body.count)
        chunk.append(head.span)
        chunk.append(response.body.span)
    }

    /// No value can end its line: a header that tries is dropped.
    private static func isSafe(_ value: String) -> Bool {
        !value.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 }
    }
}

extension [UInt8] {
    /// Appends constant text.
    fileprivate mutating func append(text: StaticString) {
        // The bytes of a StaticString live as long as the program.
        unsafe append(
            contentsOf: UnsafeBufferPointer(
                start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal digits.
    fileprivate mutating func append(number: Int) {
        if number >= 10 { append(number: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
