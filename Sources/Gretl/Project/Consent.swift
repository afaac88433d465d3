// What a user has allowed to be run: one line for each service of a gr.toml, with a digest over
// everything the file says about what is run. A folder that was never asked about, and a command
// that is not the one somebody said yes to, are asked about before anything is registered.
//
// Not part of it is what the file only points to: scripts, and the contents of env_file. Who says
// yes to "npm run dev" says it to a package.json that may change with every pull; asking again for
// each change of .env would teach people to say yes unread.

/// The services that may be run, by the file they are in.
package struct Consent: Sendable, Equatable {
    /// A service somebody said yes to.
    package struct Entry: Sendable, Equatable {
        package var digest: String
        /// The gr.toml's folder.
        package var folder: String
        package var service: String
    }

    /// What has become of a service since somebody was asked.
    package enum State: Sendable, Equatable {
        case allowed
        case new
        case changed
    }

    package private(set) var entries: [Entry] = []

    package static let fileName = "allowed"
    /// The largest file that is read, and the most entries: the oldest go.
    package static let bytesMost = 4 << 20
    package static let entriesMost = 8_192

    package init() {}

    /// The lines of the file; what is no entry is left out, and asked about again.
    package init(_ bytes: [UInt8]) {
        for line in bytes.split(separator: 0x0A).suffix(Self.entriesMost) {
            let parts = line.split(separator: 0x09, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard parts.count == 3, parts[0].utf8.count == 64 else { continue }
            entries.append(Entry(digest: parts[0], folder: parts[2], service: parts[1]))
        }
    }

    /// The file: the newest entries, at most half of what is read.
    package var bytes: [UInt8] {
        var lines: [[UInt8]] = []
        var count = 0
        for entry in entries.reversed().prefix(Self.entriesMost) {
            let line = Array("\(entry.digest)\t\(entry.service)\t\(entry.folder)\n".utf8)
            count += line.count
            guard count <= Self.bytesMost / 2 else { break }
            lines.append(line)
        }
        return lines.reversed().flatMap { $0 }
    }

    /// What has become of `service` in the gr.toml of `project`.
    package func state(of service: Project.Service, in project: Project) -> State {
        let known = entries.filter {
            $0.folder == Self.column(project.folder) && $0.service == Self.column(service.name)
        }
        guard !known.isEmpty else { return .new }
        let digest = Self.digest(of: service, in: project)
        return known.contains { $0.digest == digest } ? .allowed : .changed
    }

    /// Somebody said yes to `services` as they are now.
    package mutating func allow(_ services: [Project.Service], in project: Project) {
        for service in services {
            let entry = Entry(
                digest: Self.digest(of: service, in: project),
                folder: Self.column(project.folder), service: Self.column(service.name))
            entries.removeAll { $0.folder == entry.folder && $0.service == entry.service }
            entries.append(entry)
        }
    }

    /// The digest over all that decides what is run. Each part stands behind its length, so that no
    /// two services have the same bytes.
    static func digest(of service: Project.Service, in project: Project) -> String {
        let spec = service.spec
        let own = Set(project.services.map(\.spec.name))
        var parts = [
            "gr.toml 1", project.folder, service.name, spec.command ?? "", spec.directory ?? "",
            project.environmentFile.path, "env",
        ]
        for (key, value) in spec.environment.sorted(by: { $0.key < $1.key }) {
            parts += [key, value]
        }
        // Starting this one starts those, and they are not this folder's.
        parts.append("depends_on")
        parts += spec.dependsOn.filter { !own.contains($0) }.sorted()
        var bytes: [UInt8] = []
        for part in parts {
            bytes += Array("\(part.utf8.count):".utf8)
            bytes += Array(part.utf8)
        }
        return SHA256.hexadecimal(bytes)
    }

    /// A text as it stands between two tabs.
    private static func column(_ text: String) -> String {
        let bytes = text.utf8.flatMap { byte in
            byte < 0x20 || byte == 0x25 || byte == 0x7F
                ? Array("%\(String(byte, radix: 16))".utf8) : [byte]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
