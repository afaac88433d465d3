// What JSONText writes, judged by bytes and by a decoder that is not ours.

import FoundationEssentials
import Gretl
import Testing

struct CommandLineJSONTextTests {
    private func written(_ build: (inout JSONText) -> Void) -> String {
        var json = JSONText()
        build(&json)
        return json.text
    }

    @Test func `commas stand between members and elements only`() {
        let text = written { json in
            json.beginObject()
            json.field("name", "web")
            json.field("port", 7401)
            json.key("list")
            json.beginArray()
            json.integer(1)
            json.beginObject()
            json.endObject()
            json.beginArray()
            json.endArray()
            json.bool(false)
            json.endArray()
            json.nullField("group")
            json.endObject()
        }
        #expect(text == #"{"name":"web","port":7401,"list":[1,{},[],false],"group":null}"#)
    }

    @Test func `optionals become null`() {
        let text = written { json in
            json.beginObject()
            json.field("a", String?.none)
            json.field("b", Int?.none)
            json.field("c", Double?.none)
            json.field("d", Bool?.none)
            json.field("e", [])
            json.field("f", pairs: [(key: "K\"", value: "v\n")])
            json.endObject()
        }
        #expect(text == #"{"a":null,"b":null,"c":null,"d":null,"e":[],"f":{"K\"":"v\n"}}"#)
    }

    @Test func `control characters and line separators are escaped`() {
        let text = written {
            $0.string("\u{0}\u{1B}[31m\t\n\r\u{8}\u{C}\u{7F}\u{85}\u{2028}\u{2029}")
        }
        #expect(text == #""\u0000\u001b[31m\t\n\r\b\f\u007f\u0085\u2028\u2029""#)
    }

    @Test func `text beyond ASCII stays as it is`() {
        #expect(written { $0.string("Zürich €2 “日本” 🚀") } == "\"Zürich €2 “日本” 🚀\"")
        #expect(written { $0.string(decoding: [0x61, 0xFF, 0x62]) } == "\"a\u{FFFD}b\"")
    }

    @Test func `every scalar that can be escaped reads back as itself`() throws {
        for value in UInt32(0)..<0x3000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let original = "x" + String(Character(scalar)) + "\"\\"
            var json = JSONText()
            json.beginArray()
            json.string(original)
            json.endArray()
            let back = try JSONDecoder().decode([String].self, from: Data(json.bytes))
            guard back == [original] else {
                Issue.record("U+\(String(value, radix: 16)) came back as \(back)")
                return
            }
            guard json.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                Issue.record("U+\(String(value, radix: 16)) left a control byte")
                return
            }
        }
    }

    @Test func `integers of every width are written whole`() {
        let text = written { json in
            json.beginArray()
            json.integer(Int64.min)
            json.integer(UInt64.max)
            json.integer(Int8.min)
            json.integer(UInt8(0))
            json.integer(1_000_000)
            json.endArray()
        }
        #expect(text == "[-9223372036854775808,18446744073709551615,-128,0,1000000]")
    }

    @Test func `numbers that JSON cannot say become null`() {
        let text = written { json in
            json.beginArray()
            for value in [0.051, 1, -0.0, 1e300, 5e-5, .nan, .infinity, -.infinity, 142] {
                json.double(value)
            }
            json.endArray()
        }
        #expect(text == "[0.051,1,-0.0,1e+300,5e-05,null,null,null,142]")
    }

    @Test func `a text can be used again`() {
        var json = JSONText(capacity: -1)
        json.integer(1)
        json.removeAll()
        json.beginArray()
        json.raw(Array(#"{"kept":true}"#.utf8))
        json.bool(true)
        json.endArray()
        #expect(json.text == #"[{"kept":true},true]"#)
    }
}
