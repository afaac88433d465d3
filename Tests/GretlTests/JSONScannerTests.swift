// Lists, objects and watches of an API server, in pieces.

import Gretl
import TestSupport
import Testing

/// Reading workloads out of streamed JSON: the same however it is cut.
struct JSONScannerTests {
    private static let object = #"""
        {"metadata":{"name":"a\u0062c","namespace":"jobs","uid":"u-1","resourceVersion":"77",
         "managedFields":[{"manager":"kubectl \"x\" \\","fieldsV1":{"f:spec":{"f:replicas":{}}}}],
         "annotations":{"note":"}]\"","gretl.dev\/desired-replicas":"3",
          "gretl.dev/slept-at":"2026-11-25T10:00:00.000Z"}},
         "spec":{"replicas":0,"template":{"spec":{"containers":[{"name":"x","replicas":9}]}}},
         "status":{"readyReplicas":2,"conditions":[]}}
        """#

    private func records(
        _ text: String, cut: Int, _ shape: WorkloadReader.Shape = .object
    )
        -> [WorkloadRecord]?
    {
        let bytes = Array(text.utf8)
        var reader = WorkloadReader(shape)
        guard feed(&reader, bytes[..<cut]), feed(&reader, bytes[cut...]) else { return nil }
        return reader.takeRecords()
    }

    private func feed(_ reader: inout WorkloadReader, _ bytes: ArraySlice<UInt8>) -> Bool {
        reader.feed(Array(bytes).span)
    }

    @Test func anObjectReadsTheSameAtEveryCut() throws {
        for cut in 0...JSONScannerTests.object.utf8.count {
            let found = try #require(records(JSONScannerTests.object, cut: cut))
            try #require(found.count == 1, "cut at \(cut)")
            let record = found[0]
            #expect(record.name == "abc")
            #expect(record.namespace == "jobs")
            #expect(record.uid == "u-1")
            #expect(record.resourceVersion == "77")
            #expect(record.replicas == 0)
            #expect(record.readyReplicas == 2)
            #expect(record.desired?.replicas == 3)
            #expect(record.desired?.at == 1_795_600_800_000)
        }
    }

    @Test func aListHasItsVersionAndTheNextPage() throws {
        let items = Array(repeating: JSONScannerTests.object, count: 3).joined(separator: ",")
        let text =
            #"{"kind":"DeploymentList","metadata":{"resourceVersion":"9","continue":"c=="},"#
            + #""items":["# + items + "]}"
        for cut in stride(from: 0, to: text.utf8.count, by: 7) {
            let bytes = Array(text.utf8)
            var reader = WorkloadReader(.list)
            #expect(feed(&reader, bytes[..<cut]))
            #expect(feed(&reader, bytes[cut...]))
            #expect(reader.takeRecords().count == 3)
            #expect(reader.isWhole)
            #expect(reader.listVersion == "9")
            #expect(reader.continuation == "c==")
        }
    }

    @Test func linesOfAWatchAreToldApart() {
        let gone = #"{"kind":"Status","code":410,"message":"too old \"x\""}"#
        let mark = #"{"metadata":{"resourceVersion":"80"}}"#
        let text =
            #"{"type":"ADDED","object":\#(JSONScannerTests.object)}"# + "\n"
            + #"{"object":\#(JSONScannerTests.object),"type":"DELETED"}"# + "\n"
            + #"{"type":"BOOKMARK","object":\#(mark)}"# + "\n"
            + #"{"type":"ERROR","object":\#(gone)}"# + "\n"
        let bytes = Array(text.utf8)
        for cut in stride(from: 0, to: bytes.count, by: 3) {
            var reader = WorkloadReader(.watch)
            #expect(feed(&reader, bytes[..<cut]))
            var changes = reader.takeChanges()
            #expect(feed(&reader, bytes[cut...]))
            changes += reader.takeChanges()
            guard changes.count == 4 else {
                Issue.record("\(changes.count) changes, cut at \(cut)")
                return
            }
            if case .added(let record) = changes[0] { #expect(record.name == "abc") }
            if case .removed(let record) = changes[1] { #expect(record.uid == "u-1") }
            #expect(changes[2] == .bookmark("80"))
            #expect(changes[3] == .failed(410, "too old \"x\""))
        }
    }

    @Test func absentReplicasAreOneAndNonsenseIsNot() throws {
        let plain = #"{"metadata":{"name":"a","uid":"u"}}"#
        #expect(records(plain, cut: 0)?.first?.replicas == 1)
        let odd = #"{"metadata":{"name":"a","uid":"u"},"spec":{"replicas":-4},"status":null}"#
        #expect(records(odd, cut: 3)?.first?.replicas == 1)
        #expect(records(#"{"metadata":{"name":"a"}}"#, cut: 2)?.isEmpty == true)
    }

    @Test(arguments: [
        #"{"metadata" "name"}"#, #"{"a":1,}"#, #"{"spec":[1}"#, #"{"spec":{"replicas":1]"#,
        #"{"metadata":{"name":tru\"}}"#, "nonsense ", #"{"spec":{"replicas":nul}}"#,
        #"{"spec":{,}}"#,
        #"{"x":"# + String(repeating: "[", count: 400),
        #"{"metadata":{"name":""# + String(repeating: "a", count: 20_000),
    ])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(records(text, cut: text.utf8.count / 2) == nil)
    }

    /// Nothing a server sends traps or grows without bound.
    @Test func noiseEndsInWords() {
        var random = SeededGenerator(seed: 20_261_125)
        let pieces = ["{", "}", "[", "]", "\"", "\\", ",", ":", "1", "null", "metadata", "items"]
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...24, using: &random) {
                text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }
            for shape in [WorkloadReader.Shape.list, .object, .watch] {
                var reader = WorkloadReader(shape)
                _ = reader.feed(Array(text.utf8).span)
                _ = reader.takeRecords()
                _ = reader.takeChanges()
            }
        }
    }
}
