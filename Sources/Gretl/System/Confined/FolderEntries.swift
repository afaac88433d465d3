// The entries of one folder, sorted by name, in little memory: a folder may have 100,000 of them,
// with names of any bytes. Blocking calls: never on the reactor.

import Glibc
import NetCore

/// Names and kinds of what is in a folder.
package struct FolderEntries: Sendable {
    package enum Kind: Sendable { case file, folder, link, other, unknown }

    private struct Entry {
        var start: Int
        var count: Int
        var kind: Kind
    }

    private var names: [UInt8] = []
    private var entries: [Entry] = []
    /// More entries were there than were read.
    package private(set) var isCut = false

    package var count: Int { entries.count }

    /// Reads at most `most` entries of an open folder.
    init(of folder: Int32, most: Int) throws(SystemError) {
        // The stream owns its descriptor: it gets one of its own.
        let own = unsafe openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw SystemError("openat", errno) }
        guard let stream = unsafe fdopendir(own) else {
            let code = errno
            _ = close(own)
            throw SystemError("fdopendir", code)
        }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            let kind = unsafe Self.kind(entry.pointee.d_type)
            let start = names.count
            unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                // d_name is NUL-ended within the entry, which lives until the next readdir.
                let bytes = unsafe UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self)
                let count = unsafe strlen(UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                unsafe names.append(
                    contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
            }
            let name = names[start...]
            guard !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) else {
                names.removeSubrange(start...)
                continue
            }
            guard entries.count < most else {
                isCut = true
                break
            }
            entries.append(Entry(start: start, count: names.count - start, kind: kind))
        }
        sort()
    }

    private mutating func sort() {
        let all = entries
        entries = unsafe names.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return all }
            return all.sorted { left, right in
                // Both ranges were cut from these bytes.
                let order = unsafe memcmp(
                    base + left.start, base + right.start, min(left.count, right.count))
                return order == 0 ? left.count < right.count : order < 0
            }
        }
    }

    private static func kind(_ type: UInt8) -> Kind {
        switch Int(type) {
        case 8: .file  // DT_REG and so on, which Swift sees as an enumeration without a type
        case 4: .folder
        case 10: .link
        case 0: .unknown
        default: .other
        }
    }

    /// Name and kind of an entry, in the order of the bytes of the names.
    package subscript(index: Int) -> (name: ArraySlice<UInt8>, kind: Kind) {
        let entry = entries[index]
        return (names[entry.start..<entry.start + entry.count], entry.kind)
    }

    package func contains(_ name: StaticString) -> Bool {
        let wanted = Array(name.description.utf8)
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].name.lexicographicallyPrecedes(wanted) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < entries.count && self[low].name.elementsEqual(wanted)
    }
}
