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

    /// Most processes taken into one tree.
    private static let most = 4_096

    package init() {}

    /// Those of `identities` that live and belong to `uid`; never this process, nor what manages
    /// processes of others.
    package init(_ identities: some Sequence<ProcessIdentity>, uid: UInt32) {
        for identity in identities.prefix(HeldTree.most) {
            guard let entry = ProcessEntry.read(identity.pid), entry.identity == identity,
                entry.uid == uid, entry.pid != ProcessFacts.pid,
                !AdoptionRoot.isProtected(entry.program), let handle = HeldTree.hold(entry)
            else { continue }
            processes.append(handle)
        }
    }

    /// `root` and everything below it that belongs to `uid`; empty when it does not live.
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
                    child.uid == uid, let handle = HeldTree.hold(child)
                else { continue }
                children.append((child, handle))
            }
            // Only now it is certain that they are its children, and not those of a process that
            // got its number while we looked.
            guard parent.identity.isAlive else { continue }
            processes += children.map(\.1)
            waiting += children.map(\.0)
        }
        leader = processes.first { $0.pid == entry.group }
    }

    private static func hold(_ entry: ProcessEntry) -> ProcessHandle? {
        ProcessHandle(entry.pid) { entry.identity.isAlive }
    }

    package var isOver: Bool { processes.allSatisfy(\.hasEnded) }
    package var isEmpty: Bool { processes.isEmpty }

    /// Asks all of them to end.
    func terminate() {
        let isGroupDone = leader?.terminateGroup() ?? false
        // Without a group of its own, and for those in other groups that stand alone.
        guard !isGroupDone else { return }
        for process in processes { process.terminate() }
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
