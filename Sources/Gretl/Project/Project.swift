// What a gr.toml says: the services of one folder. Made by ProjectReader, which has checked all of
// it; used by `gr up`, `gr down` and `gr config check`. Pure: names, paths and bounds, no files.

/// A project: the services that belong to one folder.
package struct Project: Sendable, Equatable {
    /// Named by the file, else after its folder.
    package var name: String
    /// The folder of the file, without symbolic links: whose services these are.
    package var folder: String
    /// What paths in the file begin at: `folder`, or a folder in it.
    package var root: String
    /// The line that names it; nil when it is the folder.
    package var rootLine: Int?
    package var environmentFile: EnvironmentFile
    /// Stands before the names of services and groups.
    package var prefix: String
    /// In the order of the file, as the daemon knows them: with prefix and absolute paths.
    package var services: [Service]
    /// In the order of the file, with prefix.
    package var groups: [Group]
    /// What is allowed but probably not meant.
    package var warnings: [ConfigurationError.Problem]

    /// The file variables are read from.
    package struct EnvironmentFile: Sendable, Equatable {
        package var path: String
        /// The line that names it; nil for the usual one, which may be missing.
        package var line: Int?
    }

    /// A service of the file.
    package struct Service: Sendable, Equatable {
        package var spec: ServiceSpec
        /// As the file calls it, without prefix.
        package var name: String
        package var line: Int
        /// Of its `cwd`; nil when that is the root.
        package var directoryLine: Int?
    }

    /// A group the file describes.
    package struct Group: Sendable, Equatable {
        package var name: String
        package var description: String?
        package var isParallel = true
        package var line: Int
    }

    /// The largest file that is read, and the most services and groups in it.
    package static let bytesMost = 1 << 20
    package static let servicesMost = DependencyOrder.servicesMost
    package static let groupsMost = 256

    /// Where a file is and who reads it.
    package struct Place: Sendable {
        /// As it is named in messages.
        package var file: String
        /// Its folder, absolute and without symbolic links.
        package var folder: String
        /// The user's own folder, for `~/`; nil when nobody knows.
        package var userHome: String?
        /// The daemon's folder: logs may be written there, too.
        package var home: String?
        /// In place of the prefix in the file.
        package var prefix: String?

        package init(file: String, folder: String) {
            self.file = file
            self.folder = folder
        }
    }

    /// Checks the text of a file.
    package static func parse(
        _ bytes: [UInt8], at place: Place
    ) throws(ConfigurationError) -> Project {
        guard bytes.count <= bytesMost else {
            throw ConfigurationError(
                file: place.file,
                problems: [.init(message: "is larger than \(bytesMost) bytes")])
        }
        let entries: [TOMLEntry]
        do throws(TOMLSyntaxError) {
            entries = try TOMLFile.parse(bytes)
        } catch {
            let message = ConfigurationError.withoutQuotes(error.message)
            throw ConfigurationError(
                file: place.file,
                problems: [.init(line: error.line, column: error.column, message: message)])
        }
        var reader = ProjectReader(place)
        let project = reader.read(entries)
        guard reader.problems.list.isEmpty else {
            throw ConfigurationError(file: place.file, problems: reader.problems.sorted)
        }
        return project
    }
}

extension ConfigurationError.Problem {
    /// About the file as a whole.
    init(message: String) { self.init(line: nil, column: nil, message: message) }
}
