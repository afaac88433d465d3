// cepoll_spawn: exactly the asked descriptors, a clean child, a precise error.

import CEpoll
import Glibc
import TestSupport
import Testing

@Suite struct SpawnTests {
    @Test func descriptorsAreMappedEvenWhenSourcesAreTargets() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let files = (0..<3).map { index in
            unsafe open("\(folder)/\(index)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        }
        defer { for file in files { close(file) } }
        // 0 and 2 of the child come from 2 and 0 of a child that has the files crossed already:
        // sh passes its own 0, 1 and 2 on, so the inner sources are low numbers.
        let child = try Spawned(
            "/bin/sh", ["sh", "-c", "echo one >&1; echo two >&2; echo zero >&0"],
            descriptors: [files[1], files[2], files[0]])
        defer { close(child.pidfd) }
        #expect(Spawned.collect(child.pid) == 0)
        #expect(TextFile.read("\(folder)/1") == "zero\n")
        #expect(TextFile.read("\(folder)/2") == "one\n")
        #expect(TextFile.read("\(folder)/0") == "two\n")
    }

    @Test(arguments: [[1, 0, 2], [2, 2, 2], [1, 2, 1], [2, 1, 0]] as [[Int32]])
    func lowSourcesLandOnTheirTargets(order: [Int32]) throws {
        // The standard descriptors of the tests themselves are the low sources.
        let child = try Spawned("/bin/sleep", ["sleep", "60"], descriptors: order)
        let found = (0..<3).map { target("/proc/\(child.pid)/fd/\($0)") }
        // Just behind the exec the loader has its libraries open.
        #expect(eventually { TemporaryFolder.names("/proc/\(child.pid)/fd").count == 3 })
        #expect(cepoll_pidfd_signal(child.pidfd, SIGKILL) == 0)
        #expect(Spawned.collect(child.pid) == -SIGKILL)
        close(child.pidfd)
        #expect(found == order.map { target("/proc/self/fd/\($0)") })
    }

    @Test(
        arguments: [
            ("/no/such/program", ENOENT), ("/etc/passwd", EACCES), ("/etc/passwd/x", ENOTDIR),
        ] as [(String, Int32)])
    func anExecFailureIsItsErrno(path: String, reason: Int32) {
        var pidfd: Int32 = 99
        let null: [UnsafePointer<CChar>?] = unsafe [nil]
        let result = unsafe cepoll_spawn(path, null, null, [], 0, 0, &pidfd)
        #expect(result == -reason)
        #expect(pidfd == -1)
    }

    @Test func aBadDescriptorIsAnErrorAndNoChild() {
        let null: [UnsafePointer<CChar>?] = unsafe [nil]
        #expect(unsafe cepoll_spawn("/bin/true", null, null, [-1], 1, 0, nil) == -EBADF)
        #expect(unsafe cepoll_spawn("/bin/true", null, null, [], 17, 0, nil) == -EINVAL)
    }

    @Test func anInjectedFaultStartsNothing() {
        cepoll_fault_set(CEPOLL_CALL_SPAWN, EAGAIN, 0, 1)
        defer { cepoll_fault_clear() }
        let null: [UnsafePointer<CChar>?] = unsafe [nil]
        #expect(unsafe cepoll_spawn("/bin/true", null, null, [], 0, 0, nil) == -EAGAIN)
    }

    @Test func theChildHasNoTraceOfOurSignalsAndDescriptors() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let out = unsafe open(folder + "/out", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        let leak = unsafe open("/dev/null", O_RDONLY)
        defer { for descriptor in [out, leak] { close(descriptor) } }
        // As in the daemon: blocked in this thread, SIGPIPE ignored.
        _ = cepoll_ignore_sigpipe()
        var before = sigset_t()
        var blocked = sigset_t()
        unsafe sigemptyset(&blocked)
        for signal in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&blocked, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &blocked, &before)
        let child = try Spawned(
            "/bin/sh", ["sh", "-c", "grep Sig /proc/self/status; ls /proc/$$/fd; ulimit -Sn"],
            environment: ["PATH=/usr/bin:/bin"], descriptors: [out, out, out], descriptorLimit: 123)
        var now = sigset_t()
        unsafe pthread_sigmask(SIG_SETMASK, &before, &now)
        defer { close(child.pidfd) }
        #expect(unsafe sigismember(&now, SIGTERM) == 1)
        #expect(unsafe sigismember(&now, SIGUSR1) == sigismember(&before, SIGUSR1))
        #expect(waitReadable(child.pidfd, 5000))
        #expect(Spawned.collect(child.pid) == 0)
        let text = TextFile.read(folder + "/out") ?? ""
        #expect(text.contains("SigBlk:\t0000000000000000\n"))
        #expect(text.contains("SigIgn:\t0000000000000000\n"))
        #expect(text.hasSuffix("\n0\n1\n2\n123\n"))
        #expect(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC == FD_CLOEXEC)
    }

    private func target(_ link: String) -> String {
        var text = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink(link, &text, text.count)
        let bytes = text.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
