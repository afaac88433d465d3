// What counts as the same thing to run, and how it is remembered.

import Testing

@testable import Gretl

struct ConsentTests {
    private func project(
        _ text: String = "", folder: String = "/srv/a", top: String = ""
    ) throws -> Project {
        let text = "\(top)[service.web]\nport = 1\ncmd = \"run\"\n\(text)"
        return try Project.parse(
            Array(text.utf8), at: Project.Place(file: "gr.toml", folder: folder))
    }

    private func state(_ consent: Consent, _ project: Project) -> Consent.State {
        consent.state(of: project.services[0], in: project)
    }

    @Test func `what decides what is run asks again, and nothing else does`() throws {
        var consent = Consent()
        let first = try project()
        #expect(state(consent, first) == .new)
        consent.allow(first.services, in: first)
        #expect(state(consent, first) == .allowed)
        for same in ["group = \"@a\"", "restart = \"never\"", "tty = true", "ready = \"/x\""] {
            #expect(state(consent, try project(same)) == .allowed, "\(same)")
        }
        #expect(state(consent, try project(top: "prefix = \"a-\"\n")) == .allowed)
        for other in [
            "cwd = \"x\"", "env = { A = \"1\" }", "env = { PATH = \".\" }",
            "depends_on = [\"others\"]",
        ] {
            #expect(state(consent, try project(other)) == .changed, "\(other)")
        }
        #expect(state(consent, try project(top: "env_file = \"x\"\n")) == .changed)
        #expect(state(consent, try project(folder: "/srv/b")) == .new)
    }

    @Test func `parts cannot be moved from one field to the next`() throws {
        let texts = [
            "env = { AB = \"c\" }", "env = { A = \"Bc\" }", "env = { A = \"\", Bc = \"\" }",
            "env = { \"A1:B\" = \"c\" }", "cwd = \"env\"",
        ]
        let digests = try texts.map {
            let project = try project($0)
            return Consent.digest(of: project.services[0], in: project)
        }
        #expect(Set(digests).count == texts.count)
    }

    @Test func `it comes back from its file, and what is no line of it allows nothing`() throws {
        var consent = Consent()
        let odd = try project(folder: "/srv/a\tb\nc%")
        consent.allow(odd.services, in: odd)
        let plain = try project()
        consent.allow(plain.services, in: plain)
        consent.allow(plain.services, in: plain)
        let back = Consent(consent.bytes)
        #expect(back == consent && back.entries.count == 2)
        #expect(state(back, odd) == .allowed && state(back, plain) == .allowed)
        let broken: [[UInt8]] = [
            [], [0x0A], Array("\t\t\n".utf8), [0xFF, 0x09, 0x09], Array(consent.bytes.dropLast(9)),
        ]
        for bytes in broken { #expect(state(Consent(bytes), plain) != .allowed) }
    }

    @Test func `the oldest entries go when there are too many`() throws {
        var lines: [UInt8] = []
        let digest = String(repeating: "a", count: 64)
        for number in 0..<20_000 { lines += Array("\(digest)\tweb\t/srv/\(number)\n".utf8) }
        let consent = Consent(lines)
        #expect(consent.entries.count == Consent.entriesMost)
        #expect(consent.entries.last?.folder == "/srv/19999")
        let long = String(repeating: "x", count: 4_000)
        let big = Consent(
            (0..<2_000).flatMap { Array("\(digest)\tweb\t/\(long)\($0)\n".utf8) })
        #expect(big.bytes.count <= Consent.bytesMost / 2 && !big.bytes.isEmpty)
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256 of the examples of FIPS 180 is theirs`(text: String, digest: String) {
        #expect(SHA256.hexadecimal(Array(text.utf8)) == digest)
    }

    @Test func `SHA-256 is right over the ends of blocks`() {
        let digests = (0...130).map { SHA256.hexadecimal([UInt8](repeating: 0x61, count: $0)) }
        #expect(Set(digests).count == 131)
        #expect(digests[56] == "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a")
        #expect(digests[64] == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb")
    }
}
