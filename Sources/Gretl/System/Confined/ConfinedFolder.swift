// The folder of a run as file tools see it: everything is opened below it by the kernel's own
// confinement (PathBeneath), so that no path, link or race leads out. Reading is here, changes are
// in ConfinedPlace. Mounts inside the folder are entered: they were made by somebody who may mount,
// and the programs of the run see them too. Blocking calls: never on the reactor.

import Glibc
import NetCore

/// An open folder, and what lies below it.
package struct ConfinedFolder: ~Copyable {
    let root: Descriptor
    let rootFacts: EntryFacts

    /// O_PATH, which Glibc hides from Swift; the same number on all machines Swift runs on.
    static let pathOnly: Int32 = 0x20_0000

    /// Opens `path`, which is absolute and was checked when the run was made.
    package init(_ path: String) throws(FileRefusal) {
        let folder = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .failed("open", "the project folder", errno) }
        let opened = Descriptor(folder)
        guard let facts = EntryFacts(of: opened.number) else {
            throw .failed("look at", "the project folder", errno)
        }
        try Self.refuseWithoutConfinement(opened.number)
        root = opened
        rootFacts = facts
    }

    private static func refuseWithoutConfinement(_ folder: Int32) throws(FileRefusal) {
        do {
            _ = try PathBeneath.open(
                Array(".".utf8), below: folder, flags: pathOnly | O_DIRECTORY,
                followsLinks: false)
        } catch {
            // EPERM: a sandbox around us that does not know the call yet.
            guard error.code == ENOSYS || error.code == EPERM else {
                throw .failed("open", "the project folder", error.code)
            }
            throw FileRefusal(
                "File tools are refused on this machine: its kernel has no openat2 (Linux 5.6 or "
                    + "later), without which they cannot be confined to the project folder.",
                isForbidden: true)
        }
    }

    /// A regular file, open for reading. Nothing else is ever opened.
    package func file(_ path: ProjectPath) throws(FileRefusal) -> ConfinedFile {
        try Self.file(path.bytes, below: root.number, shown: path.shown, followsLinks: true)
    }

    /// A file of a folder that is open already, such as one a search is in.
    static func file(
        _ path: [UInt8], below folder: Int32, shown: String, followsLinks: Bool
    ) throws(FileRefusal) -> ConfinedFile {
        do {
            // A look first: opening a device can have effects, and a pipe waits for its writer.
            let look = try PathBeneath.open(
                path, below: folder, flags: pathOnly | (followsLinks ? 0 : O_NOFOLLOW),
                followsLinks: followsLinks)
            try refuseUnreadable(EntryFacts(of: look.number), shown)
            let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
            let file = try PathBeneath.open(
                path, below: folder, flags: flags, followsLinks: followsLinks)
            // It may have become another one in between.
            let facts = EntryFacts(of: file.number)
            try refuseUnreadable(facts, shown)
            return ConfinedFile(descriptor: file, facts: facts!, shown: shown)
        } catch let error as SystemError {
            throw .failed("open", shown, error.code)
        } catch let error as FileRefusal {
            throw error
        } catch {
            throw FileRefusal("Cannot open \(shown).")
        }
    }

    private static func refuseUnreadable(
        _ facts: EntryFacts?, _ shown: String
    ) throws(FileRefusal) {
        guard let facts else { throw .failed("look at", shown, errno) }
        guard facts.kind == .file else {
            let hint = facts.kind == .folder ? " Use file_list to see what is in it." : ""
            throw FileRefusal("\(shown) is \(facts.noun), not a file.\(hint)")
        }
        guard !facts.mayBeForeignSecret else {
            throw FileRefusal(
                "\(shown) is refused: it has a second name (a hard link), which may be outside the "
                    + "project folder, and only its owner may read it.", isForbidden: true)
        }
    }

    /// What is in the folder itself, at most `most` entries.
    package func entries(most: Int) throws(FileRefusal) -> FolderEntries {
        do throws(SystemError) { return try FolderEntries(of: root.number, most: most) } catch {
            throw .failed("list", "the project folder", error.code)
        }
    }

    /// What is in a folder, at most `most` entries.
    package func entries(
        of path: ProjectPath, most: Int
    ) throws(FileRefusal) -> FolderEntries {
        let folder = try folder(path, followsLinks: true)
        return try folder.entries(most: most)
    }

    /// A folder to look into. With `followsLinks` false, no part of the path may be a link.
    package func folder(
        _ path: ProjectPath, followsLinks: Bool
    ) throws(FileRefusal) -> OpenFolder {
        do {
            let flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK
            let folder = try PathBeneath.open(
                path.bytes, below: root.number, flags: flags, followsLinks: followsLinks)
            return OpenFolder(descriptor: folder, shown: path.shown)
        } catch {
            if error.code == ENOTDIR { throw FileRefusal("\(path.shown) is not a folder.") }
            throw .failed("open", path.shown, error.code)
        }
    }
}

/// A folder below the confined one.
package struct OpenFolder: ~Copyable {
    let descriptor: Descriptor
    let shown: String

    /// At most `most` entries.
    package func entries(most: Int) throws(FileRefusal) -> FolderEntries {
        do {
            return try FolderEntries(of: descriptor.number, most: most)
        } catch {
            throw .failed("read", shown, error.code)
        }
    }

    /// A regular file in it; links are not followed.
    package func file(
        _ name: ArraySlice<UInt8>, shown: String
    ) throws(FileRefusal) -> ConfinedFile {
        try ConfinedFolder.file(
            Array(name), below: descriptor.number, shown: shown, followsLinks: false)
    }

    /// What an entry is, where the file system did not say with its name.
    package func kind(of name: ArraySlice<UInt8>) -> FolderEntries.Kind {
        switch EntryFacts(Array(name), in: descriptor.number)?.kind {
        case .file: .file
        case .folder: .folder
        case .link: .link
        case .other, nil: .other
        }
    }

    /// The size of an entry in bytes; nil when it is gone.
    package func size(of name: ArraySlice<UInt8>) -> Int64? {
        EntryFacts(Array(name), in: descriptor.number)?.size
    }
}

/// An open regular file.
package struct ConfinedFile: ~Copyable {
    let descriptor: Descriptor
    let facts: EntryFacts
    let shown: String

    /// As it was when the file was opened.
    package var size: Int64 { facts.size }

    /// The next bytes, at most `most`; none at the end.
    package func next(most: Int) throws(FileRefusal) -> [UInt8] {
        var code: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: most) { memory, filled in
            while filled < most {
                // The rest of the memory, and its true size.
                let count = unsafe Glibc.read(
                    descriptor.number, memory.baseAddress! + filled, most - filled)
                if count < 0 && errno == EINTR { continue }
                if count < 0 { code = errno }
                guard count > 0 else { return }
                filled += count
            }
        }
        guard code == 0 else { throw .failed("read", shown, code) }
        return bytes
    }

    /// All of it; refused when it has more than `most` bytes.
    package func contents(most: Int) throws(FileRefusal) -> [UInt8] {
        guard facts.size <= Int64(most) else { throw Self.tooLarge(shown, facts.size, most) }
        // It may have grown since.
        let bytes = try next(most: most + 1)
        guard bytes.count <= most else { throw Self.tooLarge(shown, Int64(bytes.count), most) }
        return bytes
    }

    private static func tooLarge(_ shown: String, _ size: Int64, _ most: Int) -> FileRefusal {
        FileRefusal("\(shown) is too large for this: \(size) bytes, at most \(most).")
    }
}
