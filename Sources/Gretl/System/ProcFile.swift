// Reading /proc: small files, links and lists of numbers. What has gone meanwhile, or may not be
// seen, is nil and no error: processes end while they are looked at.

import Glibc

/// Files of /proc.
enum ProcFile {
    /// At most `most` bytes of a file; nil when it cannot be read.
    static func read(_ path: String, most: Int) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: min(most, 16_384))
        var used = 0
        while used < most {
            if used == bytes.count {
                bytes += [UInt8](repeating: 0, count: min(bytes.count, most - used))
            }
            let count = unsafe bytes.withUnsafeMutableBytes { bytes in
                // Within the array: `used` is less than its count.
                unsafe Glibc.read(file, bytes.baseAddress! + used, bytes.count - used)
            }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            used += count
        }
        bytes.removeSubrange(used...)
        return bytes
    }

    /// Where a link points.
    static func target(_ path: String) -> [UInt8]? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4_096) { bytes in
            let count = unsafe readlink(path, bytes.baseAddress!, bytes.count)
            guard count > 0, count < bytes.count else { return nil }
            return unsafe bytes.prefix(count).map { UInt8(bitPattern: $0) }
        }
    }

    /// How a folder could be read.
    enum Listing {
        case numbers([Int32])
        /// It is another user's.
        case forbidden
        case gone
    }

    /// The entries of a folder whose names are numbers, at most `most`.
    static func numbers(in folder: String, most: Int) -> Listing {
        guard let directory = unsafe opendir(folder) else {
            return errno == EACCES || errno == EPERM ? .forbidden : .gone
        }
        defer { unsafe closedir(directory) }
        var found: [Int32] = []
        while found.count < most, let entry = unsafe readdir(directory) {
            // d_name is NUL-ended within the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe ProcFile.number(
                    UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self))
            }
            if let name { found.append(name) }
        }
        return .numbers(found)
    }

    /// Calls `body` with the inode of each socket the descriptors of `pid` are, at most `most`
    /// looked at.
    static func sockets(of pid: Int32, most: Int, _ body: (UInt32) -> Void) -> Listing {
        let folder = "/proc/\(pid)/fd"
        let listing = numbers(in: folder, most: most)
        guard case .numbers(let descriptors) = listing else { return listing }
        let file = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return .gone }
        defer { close(file) }
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { bytes in
            for descriptor in descriptors {
                let count = unsafe readlinkat(
                    file, "\(descriptor)", bytes.baseAddress!, bytes.count)
                guard count > 0, count <= bytes.count else { continue }
                if let inode = unsafe ProcFile.inode(Array(bytes.prefix(count))) { body(inode) }
            }
        }
        return listing
    }

    /// 123 of `socket:[123]`.
    private static func inode(_ target: [CChar]) -> UInt32? {
        let prefix = "socket:[".utf8
        guard target.count > prefix.count,
            zip(target, prefix).allSatisfy({ UInt8(bitPattern: $0) == $1 })
        else { return nil }
        var value: UInt64 = 0
        for byte in target.dropFirst(prefix.count) {
            let digit = UInt8(bitPattern: byte)
            guard (0x30...0x39).contains(digit) else { break }
            value = value &* 10 &+ UInt64(digit - 0x30)
        }
        return UInt32(exactly: value)
    }

    /// A name of one to nine digits.
    private static func number(_ name: UnsafePointer<UInt8>) -> Int32? {
        var value: Int32 = 0
        for index in 0..<10 {
            let byte = unsafe name[index]
            if byte == 0 { return index > 0 ? value : nil }
            guard (0x30...0x39).contains(byte), index < 9 else { return nil }
            value = value * 10 + Int32(byte - 0x30)
        }
        return nil
    }
}
