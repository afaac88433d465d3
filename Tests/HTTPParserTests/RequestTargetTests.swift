// Request targets: the four forms, which method takes which, and the bytes of path and query.
//
// Targets stand behind a method in a buffer, so that a range counted from the wrong place shows.

import Testing

@testable import HTTPParser

@Suite("Request target")
struct RequestTargetTests {
    private func parse(
        _ target: String, _ method: HTTPMethod
    ) -> (Result<RequestTarget, ParseFailure>, [UInt8]) {
        let bytes = Array("METHOD ".utf8) + latin1(target) + Array(" HTTP/1.1".utf8)
        let range = ByteRange(from: 7, to: bytes.count - 9)
        return (RequestTarget.parse(bytes.span, target: range, method: method), bytes)
    }

    /// "form authority|path|query" or "status reason"; no query at all is "-".
    private func summary(_ target: String, _ method: HTTPMethod = .get) -> String {
        let (result, bytes) = parse(target, method)
        switch result {
        case .success(let value):
            let query = value.hasQuery ? text(bytes, value.query) : "-"
            return
                "\(value.form) \(text(bytes, value.authority))|\(text(bytes, value.path))|\(query)"
        case .failure(let failure):
            return "\(failure.status) \(failure.reason)"
        }
    }

    @Test(
        "targets are taken apart",
        arguments: ParseCase.table([
            ("/", "origin |/|-"), ("/a/b", "origin |/a/b|-"), ("/?", "origin |/|"),
            ("/a?b=c", "origin |/a|b=c"), ("/a?b?c/d", "origin |/a|b?c/d"),
            ("//a", "origin |//a|-"), ("/a//b/", "origin |/a//b/|-"),
            ("/%20%2F%fF", "origin |/%20%2F%fF|-"), ("/a?%41", "origin |/a|%41"),
            ("/-._~!$&'()*+,;=:@", "origin |/-._~!$&'()*+,;=:@|-"), ("/..", "origin |/..|-"),
            ("/*", "origin |/*|-"), ("http://a", "absolute a||-"),
            ("http://a/", "absolute a|/|-"), ("http://a:80/b?c", "absolute a:80|/b|c"),
            ("http://a?b", "absolute a||b"), ("HTTP://A/b", "absolute A|/b|-"),
            ("https://[::1]:8/x", "absolute [::1]:8|/x|-"),
            ("", "400 targetCharacter"), ("a", "400 targetForm"), ("a/b", "400 targetForm"),
            ("*", "400 targetForm"), ("**", "400 targetForm"), ("*/", "400 targetForm"),
            ("?a", "400 targetForm"), ("a:80", "400 targetForm"), ("ftp://a/", "400 targetForm"),
            ("http:/a", "400 targetForm"), ("http:a", "400 targetForm"),
            ("http", "400 targetForm"), ("http:", "400 targetForm"),
            ("http://", "400 targetAuthority"), ("http:///a", "400 targetAuthority"),
            ("http://u@a/", "400 targetAuthority"), ("http://a:b/", "400 targetAuthority"),
            ("http://a:99999/", "400 targetAuthority"), ("http://[::1/", "400 targetAuthority"),
            ("http://a b/", "400 targetAuthority"), ("http://a#b", "400 targetAuthority"),
            ("/a#b", "400 targetPath"), ("/#", "400 targetPath"), ("/a?b#c", "400 targetPath"),
            ("/a b", "400 targetPath"), ("/\u{1}", "400 targetPath"),
            ("/\u{7F}", "400 targetPath"), ("/\u{80}", "400 targetPath"),
            ("/\u{E9}", "400 targetPath"), ("/a?\u{E9}", "400 targetPath"),
            ("/\"", "400 targetPath"), ("/<", "400 targetPath"), ("/>", "400 targetPath"),
            ("/\\", "400 targetPath"), ("/^", "400 targetPath"), ("/`", "400 targetPath"),
            ("/{", "400 targetPath"), ("/|", "400 targetPath"), ("/}", "400 targetPath"),
            ("/[", "400 targetPath"), ("/a?[", "400 targetPath"), ("/a?|", "400 targetPath"),
            ("/%", "400 percentEncoding"), ("/%4", "400 percentEncoding"),
            ("/%4g", "400 percentEncoding"), ("/%g4", "400 percentEncoding"),
            ("/%%41", "400 percentEncoding"), ("/a%", "400 percentEncoding"),
            ("/a?%4", "400 percentEncoding"), ("/%4/", "400 percentEncoding"),
            ("http://a/%zz", "400 percentEncoding"),
        ]))
    func takesApart(_ row: ParseCase) {
        #expect(summary(row.input) == row.expected)
    }

    @Test("the asterisk goes with OPTIONS only", arguments: HTTPMethod.allCases)
    func asterisk(_ method: HTTPMethod) {
        #expect(summary("*", method) == (method == .options ? "asterisk ||-" : "400 targetForm"))
    }

    @Test(
        "CONNECT takes host and port and nothing else",
        arguments: ParseCase.table([
            ("a:443", "authority a:443||-"), ("[::1]:1", "authority [::1]:1||-"),
            ("a", "400 targetForm"), ("a:", "400 targetForm"), ("/", "400 targetForm"),
            ("http://a:1/", "400 targetForm"), ("a:443/", "400 targetForm"),
            ("u@a:443", "400 targetForm"), ("*", "400 targetForm"),
        ]))
    func connect(_ row: ParseCase) {
        #expect(summary(row.input, .connect) == row.expected)
    }

    @Test("every byte of a path and a query is judged as the grammar says")
    func everyByte() {
        let path = Set(
            "!$&'()*+,;=-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:@/".utf8)
        for byte in UInt8.min...UInt8.max where byte != 0x25 {
            for prefix in ["/a", "/a?b"] {
                let bytes = Array(prefix.utf8) + [byte]
                let range = ByteRange(from: 0, to: bytes.count)
                let result = RequestTarget.parse(bytes.span, target: range, method: .get)
                let isFine = path.contains(byte) || byte == 0x3F
                #expect(((try? result.get()) != nil) == isFine, "byte \(byte)")
            }
        }
    }

    @Test("a range outside the bytes is refused, not read")
    func outside() {
        let bytes = Array("/a".utf8)
        for range in [ByteRange(start: 9, count: 9), ByteRange(start: 0xFFFF, count: 0xFFFF)] {
            #expect(
                (try? RequestTarget.parse(bytes.span, target: range, method: .get).get()) == nil)
            #expect(HostValue.parse(bytes.span, range) == nil)
            var segments = PathSegments(range)
            #expect(segments.next(bytes.span) == nil)
            var items = QueryItems(range)
            #expect(items.next(bytes.span) == nil)
        }
    }
}
