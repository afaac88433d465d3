// What is to be ended when a program of a run is: bubblewrap, the first process of the jail, and
// what runs in it; without a jail the program and what hangs below it. All are held by pidfds. Made
// on the storage thread.

/// The processes of one program.
struct ProgramTree: Sendable {
    /// All of them.
    let all: HeldTree
    /// Those that may be asked to end: bubblewrap itself would take the rest with it at once.
    let asked: HeldTree

    /// Nil when it has ended.
    init?(root: Int32, isJailed: Bool) {
        guard let entry = ProcessEntry.read(root) else { return nil }
        let uid = ProcessFacts.uid
        all = HeldTree(root: entry.identity, uid: uid)
        guard isJailed else {
            asked = all
            return
        }
        var inside = HeldTree([], uid: uid)
        for first in ProcessEntry.children(of: root) {
            for pid in ProcessEntry.children(of: first) {
                guard let entry = ProcessEntry.read(pid), entry.parent == first else { continue }
                inside.add(HeldTree(root: entry.identity, uid: uid))
            }
        }
        asked = inside
    }
}
