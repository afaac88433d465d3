// gr.toml(5) and docs/gr-toml.md name the keys that are read, and no others.

import TestSupport
import Testing

@testable import Gretl

@Suite struct FileManualTests {
    @Test func thePageHasEveryKeyThatIsReadAndNoOther() {
        #expect(FileManual.fileKeys.map(\.name).sorted() == ProjectReader.keys.sorted())
        #expect(FileManual.serviceKeys.map(\.name).sorted() == ProjectServiceReader.keys.sorted())
        #expect(FileManual.groupKeys.map(\.name).sorted() == ProjectReader.groupKeys.sorted())
    }

    @Test func theDocumentHasEveryKeyThatIsReadAndNoOther() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try #require(TextFile.read("\(root)/docs/gr-toml.md"))
        let rows = page.split(separator: "\n").compactMap { line -> String? in
            // Rows of options are gr's.
            guard line.hasPrefix("| `"), !line.hasPrefix("| `--") else { return nil }
            return String(line.dropFirst(3).prefix { $0 != "`" })
        }
        let all = FileManual.fileKeys + FileManual.serviceKeys + FileManual.groupKeys
        #expect(rows.sorted() == all.map(\.name).sorted())
    }
}
