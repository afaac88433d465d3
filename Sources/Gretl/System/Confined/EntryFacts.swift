// What the kernel says about an entry of a folder, as far as file tools decide by it.

import Glibc

/// Facts of a file, a folder or a link.
struct EntryFacts {
    enum Kind { case file, folder, link, other }

    let device: UInt64
    let inode: UInt64
    let kind: Kind
    /// Permission bits, without set-user-id and its like.
    let mode: mode_t
    let names: UInt64
    let size: Int64
    let owner: uid_t
    let group: gid_t

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .other
            }
        mode = status.st_mode & 0o777
        names = UInt64(status.st_nlink)
        size = Int64(status.st_size)
        owner = status.st_uid
        group = status.st_gid
    }

    /// Of something open; nil with errno set.
    init?(of descriptor: Int32) {
        var status = stat()
        // The pointer is to a local.
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of an entry, and not of what a link there points to unless `follows`; nil with errno set.
    init?(_ name: [UInt8], in folder: Int32, follows: Bool = false) {
        var status = stat()
        let path = name.map { CChar(bitPattern: $0) } + [0]
        // The name ends with 0; both live for the call.
        guard unsafe fstatat(folder, path, &status, follows ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else {
            return nil
        }
        self.init(status)
    }

    func isSame(as other: EntryFacts) -> Bool { device == other.device && inode == other.inode }

    /// A file with several names that only its owner may read: one of the names may be outside the
    /// folder, such as a key's. What package managers link (mode 0644) is no secret.
    var mayBeForeignSecret: Bool { kind == .file && names > 1 && mode & 0o044 == 0 }

    /// What it is, for a person.
    var noun: String {
        switch kind {
        case .file: "a file"
        case .folder: "a folder"
        case .link: "a symbolic link"
        case .other: "a device, a pipe or a socket"
        }
    }
}
