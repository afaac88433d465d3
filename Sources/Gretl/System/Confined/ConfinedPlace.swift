// A place in a run's folder where a file tool changes something: an open folder and a name in it,
// which is never followed when it is a link. What is written appears as a whole or not at all, and
// under a new inode, so that a hard link of it elsewhere keeps its content. The repository's own
// folder is refused by name and by identity. Blocking calls: never on the reactor.

import Glibc
import NetCore

/// A name in an open folder, for changes.
package struct ConfinedPlace: ~Copyable {
    private let folder: Descriptor
    private let name: [UInt8]
    private let shown: String
    /// What is there; nil for nothing.
    let facts: EntryFacts?

    /// Levels between the run's folder and a place in it.
    private static let levelsMost = 256
    private static let repository = Array(".git".utf8)

    /// - Parameter makesFolders: whether folders that are missing on the way are made.
    package init(
        _ path: ProjectPath, in confined: borrowing ConfinedFolder, makesFolders: Bool
    ) throws(FileRefusal) {
        let shown = path.shown
        guard !path.isFolderItself else {
            throw FileRefusal("\(shown) is the project folder itself, not a file in it.")
        }
        guard !path.isInRepository else { throw Self.repositoryRefused(shown) }
        let parent = try Self.parent(of: path, in: confined, makesFolders: makesFolders)
        try Self.refuseRepository(parent.number, below: confined.rootFacts, shown)
        let found = EntryFacts(path.name, in: parent.number)
        if found == nil, errno != ENOENT { throw .failed("look at", shown, errno) }
        if let found, let repository = EntryFacts(Self.repository, in: parent.number),
            found.isSame(as: repository)
        {
            throw Self.repositoryRefused(shown)
        }
        // Set last: nothing of this kind may be thrown away half made.
        self.shown = shown
        folder = parent
        name = path.name
        facts = found
    }

    package var exists: Bool { facts != nil }
    /// How many bytes are there; nil for nothing.
    package var size: Int64? { facts?.size }
    /// Other names keep the old content when this one is written.
    package var hasOtherNames: Bool { facts.map { $0.kind == .file && $0.names > 1 } ?? false }

    // MARK: Reading

    /// The content of the file that is here, at most `most` bytes.
    package func contents(most: Int) throws(FileRefusal) -> [UInt8] {
        try refuseUnwritable()
        guard facts != nil else {
            throw FileRefusal("There is no \(shown). Use file_write to make a new file.")
        }
        let file = try ConfinedFolder.file(
            name, below: folder.number, shown: shown, followsLinks: false)
        return try file.contents(most: most)
    }

    // MARK: Changing

    /// Puts `bytes` here, with the mode that the file had.
    package func write(_ bytes: [UInt8]) throws(FileRefusal) {
        try refuseUnwritable()
        let temporary = ".gr-\(RandomID.make()).tmp"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        // Of a new file, the mode that the umask leaves.
        let file = unsafe openat(folder.number, temporary, flags, facts == nil ? 0o666 : 0o600)
        guard file >= 0 else { throw .failed("write", shown, errno) }
        var code = Self.writeAll(bytes, to: file)
        if let facts, code == 0 {
            if facts.owner != geteuid() || facts.group != getegid() {
                // For root, who works on somebody's files; others may not, and it is theirs then.
                _ = fchown(file, facts.owner, facts.group)
            }
            if fchmod(file, facts.mode) != 0 { code = errno }
        }
        if close(file) != 0, code == 0 { code = errno }
        if code == 0 {
            let path = name.map { CChar(bitPattern: $0) } + [0]
            // The name ends with 0 and lives for the call.
            if unsafe renameat(folder.number, temporary, folder.number, path) != 0 { code = errno }
        }
        guard code != 0 else { return }
        _ = unsafe unlinkat(folder.number, temporary, 0)
        throw .failed("write", shown, code)
    }

    /// Removes the file or the link that is here.
    package func remove() throws(FileRefusal) {
        guard let facts else { throw .failed("delete", shown, ENOENT) }
        guard facts.kind == .file || facts.kind == .link else {
            let hint = facts.kind == .folder ? " Use bash_exec to remove a folder." : ""
            throw FileRefusal("\(shown) is \(facts.noun), not a file.\(hint)")
        }
        let path = name.map { CChar(bitPattern: $0) } + [0]
        // The name ends with 0 and lives for the call.
        guard unsafe unlinkat(folder.number, path, 0) == 0 else {
            throw .failed("delete", shown, errno)
        }
    }

    /// Moves the file, folder or link that is here to a place where nothing is.
    package func move(to new: borrowing ConfinedPlace) throws(FileRefusal) {
        guard let facts else { throw .failed("rename", shown, ENOENT) }
        guard facts.kind != .other else { throw FileRefusal("\(shown) is \(facts.noun).") }
        guard new.facts == nil else { throw Self.taken(new.shown) }
        do {
            let isDone = try PathBeneath.renameToNew(
                name, in: folder.number, to: new.name, in: new.folder.number)
            if isDone { return }
        } catch {
            if error.code == EEXIST { throw Self.taken(new.shown) }
            // The kernel's word for two mounts, which is no way out of the folder here.
            if error.code == EXDEV {
                throw FileRefusal("\(shown) and \(new.shown) are on different file systems.")
            }
            throw .failed("rename", shown, error.code)
        }
        // A file system that cannot promise it: that nothing is there was seen above.
        let from = name.map { CChar(bitPattern: $0) } + [0]
        let to = new.name.map { CChar(bitPattern: $0) } + [0]
        // Both names end with 0 and live for the call.
        guard unsafe renameat(folder.number, from, new.folder.number, to) == 0 else {
            if errno == EINVAL { throw FileRefusal("\(shown) cannot be moved into itself.") }
            throw .failed("rename", shown, errno)
        }
    }

    private static func taken(_ shown: String) -> FileRefusal {
        FileRefusal("\(shown) exists already. Delete it first, or choose another name.")
    }

    // MARK: Refusals

    private func refuseUnwritable() throws(FileRefusal) {
        guard let facts, facts.kind != .file else { return }
        let hint =
            facts.kind == .link ? " Write to the file it points to, or delete the link." : ""
        throw FileRefusal("\(shown) is \(facts.noun), not a file.\(hint)")
    }

    private static func repositoryRefused(_ shown: String) -> FileRefusal {
        FileRefusal(
            "\(shown) belongs to the git repository's own data, which file tools do not change.",
            isForbidden: true)
    }

    /// Refuses a folder that is a `.git`, or inside one, however it was reached; and one that was
    /// moved out of the run's folder meanwhile.
    private static func refuseRepository(
        _ folder: Int32, below root: EntryFacts, _ shown: String
    ) throws(FileRefusal) {
        var level = folder
        defer { if level != folder { _ = close(level) } }
        for _ in 0..<levelsMost {
            guard let facts = EntryFacts(of: level) else {
                throw .failed("look at", shown, errno)
            }
            if facts.isSame(as: root) { return }
            let flags = ConfinedFolder.pathOnly | O_DIRECTORY | O_CLOEXEC
            let above = unsafe openat(level, "..", flags)
            guard above >= 0 else { throw .failed("look at", shown, errno) }
            if level != folder { _ = close(level) }
            level = above
            // A link may be the repository's name, or lead to it.
            for follows in [false, true] {
                guard let repository = EntryFacts(Self.repository, in: above, follows: follows),
                    repository.isSame(as: facts)
                else { continue }
                throw repositoryRefused(shown)
            }
            guard let aboveFacts = EntryFacts(of: above), !aboveFacts.isSame(as: facts) else {
                break
            }
        }
        throw FileRefusal("\(shown) is no longer in the project folder.", isForbidden: true)
    }

    // MARK: Folders on the way

    private static func parent(
        of path: ProjectPath, in confined: borrowing ConfinedFolder, makesFolders: Bool
    ) throws(FileRefusal) -> Descriptor {
        do {
            return try open(path.parent, confined)
        } catch {
            if error.code == ENOTDIR {
                throw FileRefusal("A part of the path \(path.shown) is a file, not a folder.")
            }
            guard makesFolders, error.code == ENOENT else {
                throw .failed("open", path.shown, error.code)
            }
        }
        return try made(path, confined)
    }

    private static func open(
        _ folder: [UInt8], _ confined: borrowing ConfinedFolder
    ) throws(SystemError) -> Descriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK
        return try PathBeneath.open(
            folder, below: confined.root.number, flags: flags, followsLinks: true)
    }

    /// Makes what is missing, level by level, each opened from the run's folder on.
    private static func made(
        _ path: ProjectPath, _ confined: borrowing ConfinedFolder
    ) throws(FileRefusal) -> Descriptor {
        let shown = path.shown
        var way: [UInt8] = []
        do {
            var folder = try open(Array(".".utf8), confined)
            for part in path.parts.dropLast() {
                way += (way.isEmpty ? [] : [UInt8(ascii: "/")]) + Array(part)
                do throws(SystemError) {
                    folder = try open(way, confined)
                } catch {
                    guard error.code == ENOENT else { throw error }
                    try refuseRepository(folder.number, below: confined.rootFacts, shown)
                    let name = part.map { CChar(bitPattern: $0) } + [0]
                    // The name ends with 0 and lives for the call. Another one may have made it.
                    if unsafe mkdirat(folder.number, name, 0o777) != 0, errno != EEXIST {
                        throw FileRefusal.failed("make a folder for", shown, errno)
                    }
                    folder = try open(way, confined)
                }
            }
            return folder
        } catch let error as SystemError {
            throw .failed("make a folder for", shown, error.code)
        } catch let error as FileRefusal {
            throw error
        } catch {
            throw FileRefusal("Cannot make a folder for \(shown).")
        }
    }

    /// 0, or the errno.
    private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Int32 {
        var written = 0
        while written < bytes.count {
            // The pointer is used inside the closure, and the range is inside the array.
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : EIO }
            written += count
        }
        return 0
    }
}
