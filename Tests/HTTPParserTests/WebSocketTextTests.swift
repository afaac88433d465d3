// Text in WebSocket frames: UTF-8 at every cut, with the standard library as the judge, and what a
// close frame may say.

import Testing

@testable import HTTPParser

@Suite("WebSocket text")
struct WebSocketTextTests {
    @Test("text is judged as the standard library judges it, at every cut")
    func text() {
        let texts: [[UInt8]] = [
            [], Array("plain text of more than eight bytes".utf8), Array("aé€𐍈 Grüße, 世界".utf8),
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF],
            [0xED, 0xA0, 0x80], [0xEF, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0x80], [0xFF], [0xE2, 0x82], [0x61, 0xE2, 0x28, 0xA1],
        ]
        let letter: [UInt8] = [0x61]
        for text in texts {
            let expected = String(validating: text, as: UTF8.self) != nil
            for cut in 0...text.count {
                var check = UTF8Check()
                let head = check.take(text.span.extracting(0..<cut))
                let tail = check.take(text.span.extracting(cut..<text.count))
                #expect((head && tail && check.isComplete) == expected, "\(text) cut at \(cut)")
                if !head || !tail {
                    let isTakenLater = check.take(letter.span)
                    #expect(!isTakenLater, "a failure is forgotten")
                }
            }
        }
    }

    @Test("a close frame has a code that may be sent, and a reason in UTF-8")
    func close() throws {
        func code(_ body: [UInt8]) throws(WebSocketFailure) -> UInt16 {
            try WebSocketClose.code(in: body.span)
        }
        #expect(try code([]) == WebSocketClose.none)
        #expect(try code([0x03, 0xE8]) == 1000)
        #expect(try code([0x0F, 0xA0] + Array("güt".utf8)) == 4000)
        #expect(throws: WebSocketFailure.closeLength) { try code([3]) }
        #expect(throws: WebSocketFailure.textNotUTF8) { try code([0x03, 0xE8, 0xC3]) }
        for bad in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            #expect(!WebSocketClose.mayBeSent(UInt16(bad)))
            #expect(throws: WebSocketFailure.closeCode) {
                try code([UInt8(bad >> 8), UInt8(bad & 255)])
            }
        }
        for good in [1000, 1003, 1007, 1014, 3000, 4999] {
            #expect(try code([UInt8(good >> 8), UInt8(good & 255)]) == UInt16(good))
        }
    }

    @Test("every failure has a close code that may be sent, and a sentence")
    func failures() {
        for failure in WebSocketFailure.allCases {
            #expect(WebSocketClose.mayBeSent(failure.closeCode))
            #expect(failure.explanation.utf8CodeUnitCount > 10)
        }
    }
}
