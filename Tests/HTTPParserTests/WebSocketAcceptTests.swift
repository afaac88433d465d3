// The opening of a WebSocket, against the examples of the RFCs.

import Testing

@testable import HTTPParser

@Suite struct WebSocketAcceptTests {
    @Test func theExampleOfTheRFCIsAccepted() {
        #expect(
            WebSocketKey.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
    ])
    func sumsAreThoseOfTheStandard(text: String, sum: String) {
        let digits = WebSocketKey.sha1(Array(text.utf8)).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0\(text)" : text
        }
        #expect(digits.joined() == sum)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func base64IsThatOfTheRFC(text: String, encoded: String) {
        #expect(WebSocketKey.base64(Array(text.utf8)) == encoded)
    }

    @Test func keysHaveSixteenBytesAndDiffer() {
        let keys = (0..<20).map { _ in WebSocketKey.make() }
        #expect(Set(keys).count == 20)
        #expect(keys.allSatisfy { $0.utf8.count == 24 && $0.hasSuffix("==") })
    }
}
