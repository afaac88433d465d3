// Processes about to be signalled, each held by a pidfd and compared with its start time after
// that: a pid from a list, a file or a moment ago is never signalled by its number. Made on the
// background thread (it reads /proc); ended by ProcessEnding.

package import NetCore

/// A process tree, or some processes, of the daemon's own user.
package struct HeldTree: Sendable {
    package private(set) var processes: [ProcessHandle] = []
    /// The leader of the root's process group, when it is one of `processes`: then the group is the
    /// tree's own, and may be signalled as one.
    package private(set) var leader: ProcessHandle?
    /// Those in other groups than that.
    private var apart: [ProcessHandle] = []

    /// Most processes taken into one tree.
    private static let most = 4_096

    /// One process that is held already.
    package init(_ process: ProcessHandle) { processes = [process] }

    /// Holds one process; nil when it does not live or belongs to somebody else.
    package static func process(_ identity: ProcessIdentity, uid: UInt32) -> ProcessHandle? {
        guard let entry = ProcessEntry.read(identity.pid), entry.identity == identity,
            entry.uid == uid
        else { return nil }
        return hold(entry)
    }

    /// Those of `identities` that live and belong to `uid`; never this process, nor what manages
    /// processes of others.
    package init(_ identities: some Sequence<ProcessIdentity>, uid: UInt32) {
        for identity in identities.prefix(HeldTree.most) {
            guard let entry = ProcessEntry.read(identity.pid), entry.identity == identity,
                entry.uid == uid, HeldTree.isEndable(entry), let handle = HeldTree.hold(entry)
            else { continue }
            processes.append(handle)
        }
    }

    /// `root` and everything below it that belongs to `uid`, but for this process and what manages
    /// processes of others; empty when it does not live.
    package init(root: ProcessIdentity, uid: UInt32) {
        guard let entry = ProcessEntry.read(root.pid), entry.identity == root, entry.uid == uid,
            let handle = HeldTree.hold(entry)
        else { return }
        processes.append(handle)
        var waiting = [entry]
        while let parent = waiting.popLast(), processes.count < HeldTree.most {
            var children: [(ProcessEntry, ProcessHandle)] = []
            for pid in ProcessEntry.children(of: parent.pid) {
                guard let child = ProcessEntry.read(pid), child.parent == parent.pid,
                    child.uid == uid, HeldTree.isEndable(child),
                    let handle = HeldTree.hold(child)
                else { continue }
                children.append((child, handle))
            }
            // Only now it is certain that they are its children, and not those of a process that
            // got its number while we looked.
            guard parent.identity.isAlive else { continue }
            processes += children.map(\.1)
            apart += children.filter { $0.0.group != entry.group }.map(\.1)
            waiting += children.map(\.0)
        }
        // The daemon itself may have been started from within.
        guard ProcessEntry.read(ProcessFacts.pid)?.group != entry.group else { return }
        leader = processes.first { $0.pid == entry.group }
    }

    private static func isEndable(_ entry: ProcessEntry) -> Bool {
        entry.pid != ProcessFacts.pid && !AdoptionRoot.isProtected(entry)
    }

    private static func hold(_ entry: ProcessEntry) -> ProcessHandle? {
        ProcessHandle(entry.pid) { entry.identity.isAlive }
    }

    package var isOver: Bool { processes.allSatisfy(\.hasEnded) }
    package var isEmpty: Bool { processes.isEmpty }

    /// Asks all of them to end.
    func terminate() {
        let isGroupDone = leader?.terminateGroup() ?? false
        for process in isGroupDone ? apart : processes { process.terminate() }
    }

    func kill() {
        for process in processes where !process.hasEnded { process.kill() }
    }

    /// Adds what was found later.
    mutating func add(_ other: HeldTree) {
        let known = Set(processes.map(\.pid))
        processes = processes.filter { !$0.hasEnded }
        processes += other.processes.filter { !known.contains($0.pid) }
    }

    /// Those that live and everything below them.
    func grown(uid: UInt32) -> HeldTree {
        var all = self
        for process in processes.prefix(64) where !process.hasEnded {
            guard let entry = ProcessEntry.read(process.pid), !process.hasEnded else { continue }
            all.add(HeldTree(root: entry.identity, uid: uid))
        }
        return all
    }
}
