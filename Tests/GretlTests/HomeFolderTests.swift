// The home folder: where it is, whose it is, who may look into it.

import Glibc
import Gretl
import TestSupport
import Testing

@Suite struct HomeFolderTests {
    private let folder = TemporaryFolder()

    @Test func optionThenVariableThenHomeDecideWhereItIs() throws {
        let all = ["GR_HOME": "/from/variable", "HOME": "/home/me"]
        #expect(try HomeFolder.locate(option: "/opt", environment: { all[$0] }) == "/opt")
        #expect(try HomeFolder.locate(option: nil, environment: { all[$0] }) == "/from/variable")
        let home = ["GR_HOME": "", "HOME": "/home/me"]
        #expect(try HomeFolder.locate(option: nil, environment: { home[$0] }) == "/home/me/.gr")
        let found = try HomeFolder.locate(option: nil, environment: { _ in nil })
        #expect(found.hasPrefix("/") && found.hasSuffix("/.gr"), "from the user database")
        let relative = try HomeFolder.locate(option: "here", environment: { _ in nil })
        #expect(relative.hasPrefix("/") && relative.hasSuffix("/here"))
    }

    @Test func itIsMadePrivateWithItsParents() throws {
        let home = try HomeFolder(path: folder.file("a/b/home"))
        #expect(home.path == folder.file("a/b/home"))
        for path in [folder.file("a"), home.path, home.runPath, home.logsPath] {
            #expect(TemporaryFolder.mode(path) == 0o700)
        }
        var named = stat()
        var opened = stat()
        #expect(unsafe stat(home.runPath, &named) == 0 && fstat(home.runFolder, &opened) == 0)
        #expect(named.st_ino == opened.st_ino)
    }

    @Test(arguments: [0o770, 0o707, 0o777] as [UInt32])
    func onesOthersCanWriteToAreRefusedWithTheFix(_ mode: UInt32) throws {
        let path = folder.file("home")
        #expect(unsafe mkdir(path, mode) == 0 && chmod(path, mode) == 0)
        let error = try #require(throws: FileError.self) { try HomeFolder(path: path) }
        #expect(error.description.contains("chmod 700 \(path)"))
    }

    @Test func filesAndForeignFoldersAreRefused() throws {
        let file = folder.file("file")
        TemporaryFolder.write("", to: file)
        #expect(throws: FileError.self) { try HomeFolder(path: file) }
        #expect(throws: FileError.self) { try HomeFolder(path: "\(file)/below") }
        guard geteuid() == 0 else { return }
        let foreign = folder.file("foreign")
        #expect(unsafe mkdir(foreign, 0o700) == 0 && chown(foreign, 12_345, 12_345) == 0)
        let error = try #require(throws: FileError.self) { try HomeFolder(path: foreign) }
        #expect(error.description.contains("belongs to uid 12345"))
    }

    @Test func aLinkToTheFolderIsResolved() throws {
        let home = try HomeFolder(path: folder.file("real"))
        #expect(unsafe symlink(home.path, folder.file("link")) == 0)
        #expect(try HomeFolder(path: folder.file("link")).path == home.path)
    }

    @Test func onlyOneDaemonGetsTheLockAndTheOtherHearsWhoHasIt() throws {
        let home = try HomeFolder(path: folder.file("home"))
        #expect(DaemonLock.holder(path: home.lockPath) == nil)
        var lock: DaemonLock? = try home.lock()
        let error = try #require(throws: FileError.self) { try home.lock() }
        #expect(error.reason == .locked && error.description.contains("pid \(getpid())"))
        #expect(DaemonLock.holder(path: home.lockPath) == getpid())
        #expect(TemporaryFolder.mode(home.lockPath) == 0o600)
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(DaemonLock.holder(path: home.lockPath) == nil)
        _ = try home.lock()
    }

    @Test func theLockIsTakenThoughSomebodyLooksWhetherItIs() throws {
        let home = try HomeFolder(path: folder.file("home"))
        var lock: DaemonLock? = try home.lock()
        withExtendedLifetime(lock) {}
        lock = nil
        // As every command does for a moment.
        let look = unsafe open(home.lockPath, O_RDONLY | O_CLOEXEC)
        #expect(flock(look, LOCK_SH | LOCK_NB) == 0)
        // A lock is held until the last who has its descriptor is gone.
        let other = try DaemonProcess.spawn("/bin/sleep", ["sleep", "0.1"], [], [look, 2, 2])
        close(look)
        defer { close(other.pidfd) }
        lock = try home.lock()
        #expect(DaemonLock.holder(path: home.lockPath) == getpid())
        #expect(throws: FileError.self) { try home.lock() }
        withExtendedLifetime(lock) {}
    }

    @Test func whoHasTheLockAndIsNoDaemonIsNotEnded() throws {
        let home = try HomeFolder(path: folder.file("home"))
        let other = try DaemonProcess.spawn("/bin/sleep", ["sleep", "300"], [], [0, 2, 2])
        defer {
            ProcessTable.end(other.pid)
            close(other.pidfd)
        }
        TemporaryFolder.write("\(other.pid)\n", to: home.lockPath)
        let holder = unsafe open(home.lockPath, O_RDWR | O_CLOEXEC)
        #expect(flock(holder, LOCK_EX | LOCK_NB) == 0)
        defer { close(holder) }
        #expect(DaemonEnd.run(home: home.path) == .isNoDaemon(pid: other.pid))
        #expect(!DaemonProcess.waitReadable(other.pidfd, 0), "it was ended")
    }

    @Test func aLockFileThatIsALinkIsRefused() throws {
        let home = try HomeFolder(path: folder.file("home"))
        let target = folder.file("target")
        TemporaryFolder.write("keep", to: target)
        #expect(unsafe symlink(target, home.lockPath) == 0)
        #expect(throws: FileError.self) { try home.lock() }
        #expect(try PrivateFile.read(target, limit: 100) == Array("keep".utf8))
    }

    @Test func theAddressIsPrivateAndReplacedAtOnce() throws {
        let home = try HomeFolder(path: folder.file("home"))
        #expect(HomeFolder.readAddress(path: home.path).isEmpty)
        try home.writeAddress(["http://127.0.0.1:1", "http://[::1]:1"])
        try home.writeAddress(["http://127.0.0.1:2"])
        #expect(HomeFolder.readAddress(path: home.path) == ["http://127.0.0.1:2"])
        #expect(TemporaryFolder.mode("\(home.path)/address") == 0o600)
        try home.removeAddress()
        try home.removeAddress()
        #expect(HomeFolder.readAddress(path: home.path).isEmpty)
    }

    @Test func writingReplacesALinkInsteadOfFollowingIt() throws {
        let home = try HomeFolder(path: folder.file("home"))
        let target = folder.file("target")
        TemporaryFolder.write("keep", to: target)
        #expect(unsafe symlink(target, "\(home.path)/token") == 0)
        try home.writePrivateFile("token", [1, 2, 3])
        #expect(try home.readPrivateFile("token", limit: 10) == [1, 2, 3])
        #expect(try PrivateFile.read(target, limit: 100) == Array("keep".utf8))
        #expect(try home.readPrivateFile("missing", limit: 10) == nil)
        #expect(throws: FileError.self) { try home.readPrivateFile("token", limit: 2) }
    }

    @Test(.enabled(if: SmallDisk.isPossible))
    func aFullDiskIsAnErrorWithThePathAndLeavesTheOldFile() throws {
        let disk = try #require(SmallDisk(kilobytes: 64))
        let home = try HomeFolder(path: disk.path)
        try home.writePrivateFile("file", [1])
        let error = try #require(throws: FileError.self) {
            try home.writePrivateFile("file", [UInt8](repeating: 7, count: 200_000))
        }
        #expect(error.reason == .full && error.path == "\(disk.path)/file")
        #expect(try home.readPrivateFile("file", limit: 10) == [1])
    }

    @Test func noTwoServicesShareALogFile() {
        let long = String(repeating: "x", count: 300)
        var names = [
            "web", "Web", "we/b", "we%2Fb", "we%2fb", ".web", "%2Eweb", "..", ".", "", "a b", "a+b",
            "ä", "a\u{308}", "web.log", "web.log.1", "~", "a~b", long, long + "y", "é" + long,
            String(repeating: "x", count: 180), String(repeating: "x", count: 181),
        ]
        names += (0..<256).map { "byte \(UnicodeScalar(UInt8($0)))" }
        // A name that spells out what another one is cut to.
        names.append(String(ServiceLogName.fileName(long).dropLast(4)))
        let files = names.map(ServiceLogName.fileName)
        // Compared by bytes: Swift takes the two spellings of ä for equal, a file system does not.
        #expect(Set(files.map { Array($0.utf8) }).count == Set(names.map { Array($0.utf8) }).count)
        for file in files {
            #expect(file.utf8.count <= 184 && !file.contains("/") && !file.hasPrefix(".."))
            #expect(file.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        }
        #expect(ServiceLogName.fileName("my-web_1.0") == "my-web_1.0.log")
        #expect(ServiceLogName.fileName(".a/b") == "%2Ea%2Fb.log")
    }
}
