// Opens what lies below a folder, and nothing else: the kernel follows the path and refuses the
// step that would leave, so that no race with links can be won. For the file tools of runs, whose
// paths a model chooses. Blocking calls: never on the reactor.

internal import CEpoll

/// Paths that are followed below an open folder.
package enum PathBeneath {
    /// How often a path is tried while other processes rename folders on it.
    private static let triesMost = 64

    /// Opens `path`, which is relative, below `folder`. Throws EXDEV for what leads out.
    ///
    /// - Parameter followsLinks: whether symbolic links that stay below the folder are followed.
    package static func open(
        _ path: [UInt8], below folder: Int32, flags: Int32, mode: UInt32 = 0,
        followsLinks: Bool
    ) throws(SystemError) -> Descriptor {
        let name = path.map { CChar(bitPattern: $0) } + [0]
        var result: Int32 = 0
        for _ in 0..<triesMost {
            // The array ends with 0 and lives for the call.
            result = unsafe cepoll_open_beneath(folder, name, flags, mode, followsLinks ? 1 : 0)
            if result >= 0 { return Descriptor(result) }
            let error = SystemError("openat2", result)
            guard error.kind == .wouldBlock else { throw error }
        }
        throw SystemError("openat2", result)
    }

    /// Renames without replacing anything. False when the file system cannot promise that.
    package static func renameToNew(
        _ name: [UInt8], in folder: Int32, to newName: [UInt8], in newFolder: Int32
    ) throws(SystemError) -> Bool {
        let old = name.map { CChar(bitPattern: $0) } + [0]
        let new = newName.map { CChar(bitPattern: $0) } + [0]
        // Both arrays end with 0 and live for the call.
        let result = unsafe cepoll_rename_to_new(folder, old, newFolder, new)
        if result == 0 { return true }
        let error = SystemError("renameat2", result)
        guard error.isUnsupported else { throw error }
        return false
    }
}
