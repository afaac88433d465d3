// Where the programs under test are: beside the test bundle, as the build left them.
//
// Used by every test that starts the real `gr` or `gr-monitor`. It never builds anything and never
// falls back to an installed program: a missing product must fail the test, by name.

import Glibc

/// Finds the built executables.
package enum BuildProducts {
    /// The folder of the test products, or GR_BUILD_DIR when it is set.
    package static let directory: String = {
        // The tests set no variable of this name, so the text stays valid while it is copied.
        if let chosen = unsafe getenv("GR_BUILD_DIR") { return unsafe String(cString: chosen) }
        return bundleDirectory() ?? ".build/debug"
    }()

    package static var gr: String { directory + "/gr" }
    package static var monitor: String { directory + "/gr-monitor" }

    /// The folder of the mapped `*.xctest`: it is the process itself or loaded by a runner from the
    /// toolchain, depending on how the tests were started.
    private static func bundleDirectory() -> String? {
        guard let maps = TextFile.read("/proc/self/maps") else { return nil }
        for line in maps.split(separator: "\n") where line.hasSuffix(".xctest") {
            guard let start = line.firstIndex(of: "/"), let end = line.lastIndex(of: "/") else {
                continue
            }
            return String(line[start..<end])
        }
        return nil
    }
}

/// Small files, whole.
package enum TextFile {
    /// The content, invalid UTF-8 replaced; nil when it cannot be opened.
    package static func read(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// At most 64 MiB; nil when it cannot be opened.
    package static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while content.count < 64 << 20 {
            // The buffer outlives the call, which takes its true size.
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count <= 0 { break }
            content += chunk[..<count]
        }
        return content
    }
}
