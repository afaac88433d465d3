// A place in a log that stays good over rotations and restarts, and the text clients get it as: the
// cursors of answers and the ids of streamed lines. What clients hand back may be anything.

package import NetCore

/// A place between two bytes of one log.
package struct LogPosition: Hashable, Sendable {
    package var file: FileIdentity
    package var offset: Int

    package init(file: FileIdentity, offset: Int) {
        self.file = file
        self.offset = offset
    }

    /// `1f-cz6w8q2m-2s`: inode, birth and offset. Opaque to clients.
    package var text: String {
        let parts = [Int64(bitPattern: file.inode), file.born, Int64(offset)]
        return parts.map { String(UInt64(bitPattern: $0), radix: 36) }.joined(separator: "-")
    }

    /// Reads what `text` made; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count <= 48 else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part in
            // A sign is a number to Swift, not to us.
            part.first == "+" ? nil : UInt64(part, radix: 36)
        }
        guard parts.count == 3, numbers.count == 3, let offset = Int(exactly: numbers[2]) else {
            return nil
        }
        file = FileIdentity(inode: numbers[0], born: Int64(bitPattern: numbers[1]))
        self.offset = offset
    }
}
