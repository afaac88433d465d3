// The character classes against their grammars written out, and the texts of failures.
//
// A wrong bit in one of the bitmaps would be a hole in every parser of the module.

import Testing

@testable import HTTPParser

@Suite("ASCII")
struct ASCIITests {
    private static let alphanumeric =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let subDelims = "!$&'()*+,;="

    @Test("each class holds exactly the characters of its grammar")
    func classes() {
        let quoted = String(
            decoding: [0x09] + (UInt8(0x20)...0x7E).filter { $0 != 0x22 && $0 != 0x5C },
            as: UTF8.self)
        let path = Self.alphanumeric + "-._~" + Self.subDelims + ":@/"
        for (set, characters) in [
            (ASCII.token, Self.alphanumeric + "!#$%&'*+-.^_`|~"), (ASCII.uriPath, path),
            (ASCII.uriQuery, path + "?"),
            (ASCII.registeredName, Self.alphanumeric + "-._~" + Self.subDelims),
            (ASCII.quotedText, quoted),
        ] {
            let members = Set(characters.utf8)
            for byte in UInt8.min...UInt8.max {
                #expect(set.contains(byte) == members.contains(byte), "byte \(byte)")
            }
        }
    }

    @Test("digits, hexadecimal digits and lower case")
    func digits() {
        for byte in UInt8.min...UInt8.max {
            let character = Character(Unicode.Scalar(byte))
            let isASCII = byte < 0x80
            #expect(ASCII.isDigit(byte) == (isASCII && character.isNumber))
            let value = isASCII ? character.hexDigitValue.map { UInt8($0) } : nil
            #expect(ASCII.hexValue(byte) == value)
            let lower = isASCII ? Character(character.lowercased()).asciiValue : byte
            #expect(ASCII.lowercase(byte) == lower)
        }
    }

    @Test("comparison with a literal ignores case when asked to")
    func comparison() {
        let bytes = Array("xKeep-Alivex".utf8)
        let range = ByteRange(from: 1, to: 11)
        func folded(_ range: ByteRange, _ literal: StaticString) -> Bool {
            ASCII.equalIgnoringCase(bytes.span, range, literal)
        }
        func exact(_ range: ByteRange, _ literal: StaticString) -> Bool {
            ASCII.equal(bytes.span, range, literal)
        }
        #expect(folded(range, "keep-alive"))
        #expect(folded(range, "KEEP-ALIVE"))
        #expect(!folded(range, "keep-aliv"))
        #expect(!folded(range, "keep-alivex"))
        #expect(exact(range, "Keep-Alive"))
        #expect(!exact(range, "keep-alive"))
        #expect(!exact(ByteRange(from: 5, to: 90), "-Alivex-----"))
        #expect(exact(ByteRange(), ""))
    }

    @Test("every failure has a status and a sentence of its own")
    func explanations() {
        var sentences = Set<String>()
        for reason in ParseFailure.Reason.allCases {
            let failure = ParseFailure(reason, at: 0)
            #expect([400, 413, 414, 431, 501, 505].contains(failure.status))
            #expect(sentences.insert(failure.explanation.description).inserted)
        }
    }

    @Test("a range made of any integers is in order and fits")
    func ranges() {
        for from in [Int.min, -1, 0, 1, 5, 0xFFFF, 0x10000, .max] {
            for to in [Int.min, -1, 0, 1, 5, 0xFFFF, 0x10000, .max] {
                let range = ByteRange(from: from, to: to)
                #expect(range.end <= 0xFFFF)
                #expect(range.clamped(to: 3).upperBound <= 3)
            }
        }
    }
}
