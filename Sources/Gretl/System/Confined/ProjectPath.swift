// A path that a model wrote, taken apart before the kernel sees it: relative to the run's folder,
// without `.` and empty parts, without any `..`. What a path leads to is the kernel's to say
// (PathBeneath); nothing here looks at the file system. Pure.

/// A path below a run's folder.
package struct ProjectPath: Sendable, Equatable {
    /// Relative, parts joined by slashes; `.` for the folder itself.
    package let bytes: [UInt8]

    /// The kernel's own bound.
    private static let bytesMost = 4_095
    private static let slash = UInt8(ascii: "/")

    /// Takes `text` apart. An absolute path is taken when it begins with `folder`.
    package init(_ text: String, in folder: String) throws(FileRefusal) {
        guard !text.isEmpty else { throw FileRefusal("The path is empty.") }
        guard text.utf8.count <= Self.bytesMost, !text.utf8.contains(0) else {
            throw FileRefusal("The path is too long, or holds a NUL character.")
        }
        var rest = Array(text.utf8)[...]
        if rest.first == Self.slash {
            let root = Array(folder.utf8)
            guard rest.starts(with: root),
                root.last == Self.slash || rest.count == root.count
                    || rest[root.count] == Self.slash
            else { throw Self.outside(text) }
            rest = rest.dropFirst(root.count)
        }
        let parts = rest.split(separator: Self.slash).filter { !$0.elementsEqual(".".utf8) }
        guard !parts.contains(where: { $0.elementsEqual("..".utf8) }) else {
            throw Self.outside(text)
        }
        bytes = parts.isEmpty ? Array(".".utf8) : Array(parts.joined(separator: [Self.slash]))
    }

    /// The path of an entry of a folder that was read.
    package init(entry: some Collection<UInt8>, of folder: [UInt8]) {
        let isRoot = folder.elementsEqual(".".utf8)
        bytes = isRoot ? Array(entry) : folder + [Self.slash] + Array(entry)
    }

    private static func outside(_ text: String) -> FileRefusal {
        FileRefusal(
            "The path \(ShownName.of(text.utf8)) is refused: paths are relative to the project "
                + "folder, such as src/main.py, and hold no \"..\".", isForbidden: true)
    }

    /// Fit to be shown.
    package var shown: String { ShownName.of(bytes) }

    package var isFolderItself: Bool { bytes.elementsEqual(".".utf8) }

    /// The last part.
    package var name: [UInt8] {
        Array(bytes[((bytes.lastIndex(of: Self.slash) ?? -1) + 1)...])
    }

    /// What the last part is in.
    package var parent: [UInt8] {
        guard let last = bytes.lastIndex(of: Self.slash) else { return Array(".".utf8) }
        return Array(bytes[..<last])
    }

    /// Its parts, the last one included.
    package var parts: [ArraySlice<UInt8>] { bytes.split(separator: Self.slash) }

    /// Whether it is in a `.git`, as far as its words say.
    package var isInRepository: Bool { parts.contains { Self.isRepository($0) } }

    /// Whether some file system takes `name` for `.git`: those that fold case ignore characters
    /// that are not seen, FAT ignores dots and spaces at the end and knows a second name.
    static func isRepository(_ name: some Collection<UInt8>) -> Bool {
        var plain = name.filter { $0 < 0x80 }.map(ByteSearch.lower)
        while let last = plain.last, last == UInt8(ascii: ".") || last == UInt8(ascii: " ") {
            plain.removeLast()
        }
        return plain.elementsEqual(".git".utf8) || plain.elementsEqual("git~1".utf8)
    }
}
