// Goes through a run's folder, folder by folder, in slices of some milliseconds. Links are not
// followed; what tools and package managers put into a project is skipped. Bounded in entries,
// folders and time, and ended by a word from another thread. Blocking calls: on the background
// thread.

import NetCore
import Synchronization

/// Looks at what a walk meets.
protocol TreeVisitor: AnyObject {
    /// A file at `path`, whose last part is `name`, in the open `folder`. False: that is enough.
    func visit(_ path: [UInt8], _ name: ArraySlice<UInt8>, in folder: borrowing OpenFolder) -> Bool
    /// Folders of these names are entered although searches skip them.
    var enters: Set<[UInt8]> { get }
}

/// A walk under way. Not for two threads at once, apart from `stop`.
final class TreeWalk {
    private let confined: ConfinedFolder
    private let visitor: any TreeVisitor
    private let isStopped: StopFlag
    private let deadline: Instant
    /// Folders to be looked at, the next one last.
    private var waiting: [[UInt8]] = [Array(".".utf8)]
    private var folder: OpenFolder?
    private var folderPath: [UInt8] = []
    private var entries: FolderEntries?
    private var index = 0
    private var entriesSeen = 0
    /// Something was left out: why, for a person.
    private(set) var cut: String?

    init(_ confined: consuming ConfinedFolder, _ visitor: any TreeVisitor, _ flag: StopFlag) {
        self.confined = confined
        self.visitor = visitor
        isStopped = flag
        deadline = SystemTime.shared.now() + .seconds(FileToolLimits.searchSeconds)
    }

    /// Goes on for a slice; false when it is over.
    func advance() -> Bool {
        let end =
            SystemTime.shared.now() + .milliseconds(FileToolLimits.searchSliceMilliseconds)
        repeat {
            guard !isStopped.isSet else { return false }
            guard SystemTime.shared.now() < deadline else {
                cut = "the search was ended after \(FileToolLimits.searchSeconds) seconds"
                return false
            }
            guard entriesSeen < FileToolLimits.searchEntries else {
                cut = "only the first \(FileToolLimits.searchEntries) files were looked at"
                return false
            }
            guard step() else { return false }
        } while SystemTime.shared.now() < end
        return true
    }

    /// The next file, or the next folder; false when there is none.
    private func step() -> Bool {
        guard let entries, index < entries.count else { return enter() }
        let (name, known) = entries[index]
        index += 1
        entriesSeen += 1
        let kind = known == .unknown ? folder?.kind(of: name) ?? .other : known
        guard kind == .file else { return true }
        let path = ProjectPath(entry: name, of: folderPath).bytes
        switch folder {
        case .some(let open): return visitor.visit(path, name, in: open)
        case .none: return true
        }
    }

    /// Opens the next folder, and puts those in it before the ones that wait.
    private func enter() -> Bool {
        guard let path = waiting.popLast() else { return false }
        entries = nil
        index = 0
        folderPath = path
        let shownPath = ProjectPath(entry: path, of: Array(".".utf8))
        // What is gone meanwhile or must not be read is as good as not there.
        guard let open = try? confined.folder(shownPath, followsLinks: false),
            let all = try? open.entries(most: FileToolLimits.folderEntriesRead)
        else { return true }
        entriesSeen += 1
        if all.isCut { cut = "a folder has too many files to look at all of them" }
        let isRoot = path.elementsEqual(".".utf8)
        if !isRoot, Self.isGenerated(all) { return true }
        for index in stride(from: all.count - 1, through: 0, by: -1) {
            let (name, known) = all[index]
            guard (known == .unknown ? open.kind(of: name) : known) == .folder,
                !SkippedFolders.contains(name) || visitor.enters.contains(Array(name))
            else { continue }
            guard waiting.count < FileToolLimits.searchFoldersWaiting else {
                cut = "there are too many folders to look at all of them"
                break
            }
            waiting.append(ProjectPath(entry: name, of: path).bytes)
        }
        folder = consume open
        entries = all
        return true
    }

    /// A folder of a cache says so itself (bford.info/cachedir): that of Cargo, for one.
    private static func isGenerated(_ entries: FolderEntries) -> Bool {
        entries.contains("CACHEDIR.TAG")
    }
}

/// Says from another thread that a search shall end.
final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

/// Folders that hold nothing a person wrote.
enum SkippedFolders {
    private static let names: Set<[UInt8]> = Set(
        [
            ".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox",
            ".mypy_cache", ".pytest_cache", ".ruff_cache", ".eggs", ".gradle", ".next", ".nuxt",
            ".cache", ".build", ".terraform", "bower_components", ".yarn", ".idea",
        ].map { Array($0.utf8) })

    static func contains(_ name: some Collection<UInt8>) -> Bool { names.contains(Array(name)) }
}
