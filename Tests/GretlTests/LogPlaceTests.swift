// Where a log may go, whatever links a repository brings along.

import Glibc
import Gretl
import TestSupport
import Testing

@Suite struct LogPlaceTests {
    private let folder = TemporaryFolder()
    private var project: String { folder.file("project") }
    private var home: String { folder.file("home") }

    init() {
        for path in ["project", "project/log", "home", "home/logs", "other"] {
            _ = unsafe mkdir(folder.file(path), 0o700)
        }
        TemporaryFolder.write("precious", to: folder.file("other/file"))
        TemporaryFolder.write("database", to: folder.file("home/state.db"))
    }

    private func refusal(_ path: String, directory: String? = nil) -> String? {
        LogPlace(path: path, directory: directory ?? project, home: home).refusal()
    }

    @Test func `Below the service's folder and among the daemon's logs it may be`() {
        #expect(refusal("\(project)/web.log") == nil)
        #expect(refusal("\(project)/log/web.log") == nil)
        #expect(refusal("\(home)/logs/web.log") == nil)
        TemporaryFolder.write("", to: "\(project)/there.log")
        #expect(refusal("\(project)/there.log") == nil)
        // A folder that is reached by a link is still the service's.
        _ = unsafe symlink(project, folder.file("link"))
        #expect(refusal("\(folder.file("link"))/web.log", directory: folder.file("link")) == nil)
    }

    @Test func `Elsewhere it may not, nor where links lead out`() {
        #expect(refusal("\(folder.file("other"))/web.log")?.contains("outside") == true)
        #expect(refusal("\(project)2/web.log") != nil)
        #expect(refusal("\(project)/nothing/web.log")?.contains("does not exist") == true)
        _ = unsafe symlink(folder.file("other"), "\(project)/out")
        #expect(refusal("\(project)/out/file")?.contains("outside") == true)
        _ = unsafe symlink(folder.file("other/file"), "\(project)/file.log")
        #expect(refusal("\(project)/file.log")?.contains("regular") == true)
        _ = unsafe link(folder.file("other/file"), "\(project)/hard.log")
        #expect(refusal("\(project)/hard.log")?.contains("another name") == true)
        _ = unsafe mkfifo("\(project)/fifo", 0o600)
        #expect(refusal("\(project)/fifo") != nil)
        #expect(refusal("\(project)/log") != nil)
    }

    @Test func `The daemon's own files are nobody's log, even of a service around them`() {
        #expect(refusal("\(home)/state.db", directory: folder.path) != nil)
        #expect(refusal("\(home)/state.db", directory: home) != nil)
        #expect(refusal("\(home)/run.log", directory: "/") != nil)
        #expect(LogPlace(path: "/tmp/x.log", directory: nil, home: home).refusal() != nil)
    }
}
