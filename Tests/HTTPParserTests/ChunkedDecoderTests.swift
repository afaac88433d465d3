// The chunked coding: what is body, what is refused, and that cuts make no difference.
//
// `decode` runs a whole body through the decoder in pieces and gives the body or the failure.

import Testing

@testable import HTTPParser

@Suite("Chunked body")
struct ChunkedDecoderTests {
    struct Decoded: Equatable {
        var body: [UInt8] = []
        /// "end", "more", or status and reason.
        var outcome = "more"
        /// Bytes used up.
        var consumed = 0
    }

    /// Decodes `bytes`, given in pieces of `piece` bytes (0: all at once).
    private func decode(_ bytes: [UInt8], bodyMost: Int = 1000, piece: Int = 0) -> Decoded {
        var decoder = ChunkedDecoder(bodyMost: bodyMost)
        var decoded = Decoded()
        var arrived = piece == 0 ? bytes.count : min(piece, bytes.count)
        while true {
            let span = bytes.span.extracting(decoded.consumed..<arrived)
            switch decoder.next(span) {
            case .data(let offset, let count, let consumed):
                #expect(count > 0 && offset + count == consumed)
                let start = decoded.consumed + offset
                decoded.body += bytes[start..<start + count]
                decoded.consumed += consumed
            case .needMore(let consumed):
                decoded.consumed += consumed
                #expect(decoded.consumed == arrived)
                if arrived == bytes.count { return decoded }
                arrived = min(arrived + max(1, piece), bytes.count)
            case .end(let consumed):
                decoded.consumed += consumed
                decoded.outcome = "end"
                return decoded
            case .invalid(let failure):
                decoded.outcome = "\(failure.status) \(failure.reason)"
                return decoded
            }
        }
    }

    private func summary(_ text: String) -> String {
        let bytes = latin1(text)
        let whole = decode(bytes)
        for piece in 1...max(1, min(20, bytes.count)) {
            let pieces = decode(bytes, piece: piece)
            #expect(pieces.outcome == whole.outcome)
            #expect(pieces.body == whole.body)
        }
        return whole.outcome
    }

    @Test("chunks are joined to the body and the rest is left alone")
    func joins() {
        let text = "5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nX: y\r\n\r\nGET /"
        for piece in 0...text.utf8.count {
            let decoded = decode(Array(text.utf8), piece: piece)
            #expect(decoded.body == Array("hello, world".utf8))
            #expect(decoded.outcome == "end")
            #expect(decoded.consumed == text.utf8.count - 5)
        }
    }

    @Test(
        "the coding is taken or refused by the grammar",
        arguments: ParseCase.table([
            ("0\r\n\r\n", "end"), ("000\r\n\r\n", "end"), ("1\r\nx\r\n0\r\n\r\n", "end"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "end"), ("A\r\n0123456789\r\n00\r\n\r\n", "end"),
            ("0000000000000001\r\nx\r\n0\r\n\r\n", "end"), ("1\r\n\n\r\n0\r\n\r\n", "end"),
            ("", "more"), ("5", "more"), ("5\r", "more"), ("5\r\nhel", "more"),
            ("5\r\nhello", "more"), ("5\r\nhello\r", "more"), ("0\r\n", "more"),
            ("0\r\n\r", "more"), ("0\r\nX: y\r\n", "more"), ("5;a", "more"),
            ("\r\n", "400 chunkSize"), ("\n", "400 chunkSize"), ("x\r\n", "400 chunkSize"),
            ("g\r\n", "400 chunkSize"), ("-1\r\n", "400 chunkSize"), ("+1\r\n", "400 chunkSize"),
            ("0x5\r\n", "400 chunkSize"), ("5g\r\n", "400 chunkSize"),
            (" 5\r\n", "400 chunkSize"), ("5 \r\n", "400 chunkSize"), ("5\t\r\n", "400 chunkSize"),
            ("5 ;a\r\n", "400 chunkSize"), ("5,\r\n", "400 chunkSize"),
            ("5\u{0}\r\n", "400 chunkSize"), ("5_0\r\n", "400 chunkSize"),
            (";a\r\n", "400 chunkSize"), ("\u{B5}\r\n", "400 chunkSize"),
            ("00000000000000001\r\n", "400 chunkSize"),
            ("FFFFFFFFFFFFFFFF\r\n", "400 chunkSize"),
            ("8000000000000000\r\n", "400 chunkSize"),
            ("FFFFFFFFFFFFFFFFF\r\n", "400 chunkSize"),
            ("7FFFFFFFFFFFFFFF\r\n", "413 bodyTooLarge"),
            ("FFFFFFFF0\r\n", "413 bodyTooLarge"), ("3E9\r\n", "413 bodyTooLarge"),
            ("5\n", "400 chunkLineEnd"), ("5\rx", "400 chunkLineEnd"),
            ("5\r\r\n", "400 chunkLineEnd"), ("0\n", "400 chunkLineEnd"),
            ("5;a\n", "400 chunkLineEnd"), ("5;a\rb", "400 chunkLineEnd"),
            ("5\r\nhellox", "400 chunkDataEnd"), ("5\r\nhello\n", "400 chunkDataEnd"),
            ("5\r\nhello\r\r", "400 chunkDataEnd"), ("5\r\nhello0\r\n\r\n", "400 chunkDataEnd"),
            ("5\r\nhello!\r\n0\r\n\r\n", "400 chunkDataEnd"),
            ("5\r\nhel\r\n0\r\n\r\n", "400 chunkDataEnd"),
            ("1\r\nx\r\n\r\n", "400 chunkSize"),
        ]))
    func grammar(_ row: ParseCase) {
        #expect(summary(row.input) == row.expected)
    }

    @Test(
        "extensions are taken or refused by the grammar",
        arguments: ParseCase.table([
            (";a", "end"), (";a=b", "end"), (";a;b", "end"), (";a=b;c=\"d e\"", "end"),
            (";a=\"\"", "end"), (";a=\"\\\"\"", "end"), (";a=\"\\\\\";b", "end"),
            (";a=\"\t;,=\"", "end"), (";!#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~", "end"),
            (";", "400 chunkExtension"), (";;a", "400 chunkExtension"),
            (";a;", "400 chunkExtension"), (";=b", "400 chunkExtension"),
            (";a=", "400 chunkExtension"), (";a=;b", "400 chunkExtension"),
            ("; a", "400 chunkExtension"), (";a ", "400 chunkExtension"),
            (";a =b", "400 chunkExtension"), (";a= b", "400 chunkExtension"),
            (";a=b c", "400 chunkExtension"), (";a==b", "400 chunkExtension"),
            (";a\u{0}", "400 chunkExtension"), (";a=\u{1}", "400 chunkExtension"),
            (";a=\"\u{0}\"", "400 chunkExtension"), (";a=\"\u{7F}\"", "400 chunkExtension"),
            (";a=\"\\\u{1}\"", "400 chunkExtension"), (";a=\"b\"c", "400 chunkExtension"),
            (";a=b\"c\"", "400 chunkExtension"), (";a=\"\r\n", "400 chunkExtension"),
            (";a=\"b\n", "400 chunkExtension"), (";\u{E9}", "400 chunkExtension"),
            (";a\n", "400 chunkLineEnd"), (";a=\"b\"\n", "400 chunkLineEnd"),
        ]))
    func extensions(_ row: ParseCase) {
        #expect(summary("0\(row.input)\r\n\r\n") == row.expected)
        if row.expected != "end" { #expect(summary("5\(row.input)\r\nhello\r\n") == row.expected) }
    }

    @Test(
        "trailer lines are checked like header lines and dropped",
        arguments: ParseCase.table([
            ("X: y\r\n", "end"), ("X:\r\nY: \tz \r\n", "end"), ("X: \u{80}\u{FF}\r\n", "end"),
            ("Content-Length: 5\r\n", "end"), ("Transfer-Encoding: chunked\r\n", "end"),
            ("Host: b\r\n", "end"), (" X: y\r\n", "400 trailerField"),
            ("X : y\r\n", "400 trailerField"), (": y\r\n", "400 trailerField"),
            ("X\r\n", "400 trailerField"), ("X: y\n", "400 trailerField"),
            ("X: y\rz\r\n", "400 trailerField"), ("X: \u{0}\r\n", "400 trailerField"),
            ("X: y\r\n z\r\n", "400 trailerField"), ("\n", "400 trailerField"),
            ("\rX", "400 trailerField"), ("GET / HTTP/1.1\r\n", "400 trailerField"),
        ]))
    func trailers(_ row: ParseCase) {
        #expect(summary("1\r\nx\r\n0\r\n\(row.input)\r\n") == row.expected)
    }

    @Test("a body may have as many bytes as the limit", arguments: [0, 1, 5, 1000])
    func bodyLimit(_ most: Int) {
        for (count, expected) in [(most, "end"), (most + 1, "413 bodyTooLarge")] {
            let one = String(count, radix: 16) + "\r\n" + String(repeating: "x", count: count)
            let split = String(repeating: "1\r\nx\r\n", count: count)
            let whole = count == 0 ? "0\r\n\r\n" : one + "\r\n0\r\n\r\n"
            for text in [whole, split + "0\r\n\r\n"] {
                let decoded = decode(Array(text.utf8), bodyMost: most)
                #expect(decoded.outcome == expected)
                #expect(decoded.body.count <= most)
            }
        }
    }

    @Test("extensions and trailers are bounded")
    func overheadLimits() {
        func extended(_ count: Int) -> String {
            // The name's bytes and the carriage return count.
            "0;" + String(repeating: "a", count: count - 1) + "\r\n\r\n"
        }
        #expect(summary(extended(ChunkedDecoder.extensionsMost)) == "end")
        #expect(
            summary(extended(ChunkedDecoder.extensionsMost + 1)) == "400 chunkExtensionTooLarge")
        let many = String(repeating: "1;abcdefgh\r\nx\r\n", count: 900)
        #expect(summary(many) == "400 chunkExtensionTooLarge")
        func trailed(_ count: Int) -> String {
            "0\r\nX:" + String(repeating: "y", count: count - 6) + "\r\n\r\n"
        }
        #expect(summary(trailed(ChunkedDecoder.trailerMost)) == "end")
        #expect(summary(trailed(ChunkedDecoder.trailerMost + 1)) == "431 trailerTooLarge")
        #expect(
            summary("0\r\n" + String(repeating: "X:\r\n", count: 5000)) == "431 trailerTooLarge")
    }

    @Test("a finished or failed decoder stays as it is")
    func staysDone() {
        var decoder = ChunkedDecoder(bodyMost: 10)
        let end = Array("0\r\n\r\nGET".utf8)
        #expect(decoder.next(end.span) == .end(consumed: 5))
        #expect(decoder.next(end.span) == .end(consumed: 0))
        var failed = ChunkedDecoder(bodyMost: 10)
        let bad = Array("x".utf8)
        #expect(failed.next(bad.span) == .invalid(ParseFailure(.chunkSize, at: 0)))
        #expect(failed.next(end.span) == .invalid(ParseFailure(.chunkSize, at: 0)))
        var negative = ChunkedDecoder(bodyMost: .min)
        #expect(negative.next(Array("1\r\n".utf8).span).isTooLarge)
    }
}

extension ChunkStep {
    fileprivate var isTooLarge: Bool {
        if case .invalid(let failure) = self { return failure.status == 413 }
        return false
    }
}
