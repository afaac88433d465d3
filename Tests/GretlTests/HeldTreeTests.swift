// Processes that are about to be signalled are the ones that are meant: a pid alone is not enough.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

@Suite struct HeldTreeTests {
    /// A child of this test that sleeps.
    private func withSleeper(_ body: (Int32) throws -> Void) throws {
        let made = try DaemonProcess.spawn("/bin/sleep", ["sleep", "300"], [], [])
        defer {
            ProcessTable.end(made.pid)
            waitpid(made.pid, nil, 0)
            close(made.pidfd)
        }
        try body(made.pid)
    }

    @Test func aPidThatWasGivenAwayAgainIsNotHeld() throws {
        try withSleeper { pid in
            let entry = try #require(ProcessEntry.read(pid))
            #expect(HeldTree([entry.identity], uid: geteuid()).processes.map(\.pid) == [pid])
            #expect(HeldTree(root: entry.identity, uid: geteuid()).processes.map(\.pid) == [pid])
            // What a stale list says of the process that had the pid before.
            let stale = ProcessIdentity(pid: pid, startTime: entry.identity.startTime - 1)
            let held = HeldTree([stale], uid: geteuid())
            #expect(held.isEmpty && held.isOver)
            held.terminate()
            held.kill()
            #expect(HeldTree(root: stale, uid: geteuid()).isEmpty)
            #expect(ProcessTable.isAlive(pid))
        }
    }

    @Test func anotherUsersProcessThisOneAndInitAreNotHeld() throws {
        try withSleeper { pid in
            let entry = try #require(ProcessEntry.read(pid))
            #expect(HeldTree([entry.identity], uid: geteuid() + 1).isEmpty)
            #expect(HeldTree(root: entry.identity, uid: geteuid() + 1).isEmpty)
        }
        let own = try #require(ProcessEntry.read(getpid()))
        #expect(HeldTree([own.identity], uid: geteuid()).isEmpty)
        let first = try #require(ProcessEntry.read(1))
        #expect(HeldTree([first.identity], uid: first.uid ?? 0).isEmpty)
    }

    @Test func whatOnlyWaitsToBeReapedDoesNotLive() throws {
        let made = try DaemonProcess.spawn("/bin/sleep", ["sleep", "300"], [], [])
        let entry = try #require(ProcessEntry.read(made.pid))
        ProcessTable.end(made.pid)
        #expect(DaemonProcess.waitReadable(made.pidfd, 5_000))
        #expect(ProcessEntry.read(made.pid) == nil)
        #expect(HeldTree([entry.identity], uid: geteuid()).isEmpty)
        waitpid(made.pid, nil, 0)
        close(made.pidfd)
    }
}
