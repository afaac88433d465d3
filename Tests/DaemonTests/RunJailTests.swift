// What a program of a run in the real daemon can get at: a model that turned hostile, or read
// something hostile, has a shell. It finds no way out of the folder, and no key anywhere.

import Glibc
import TestSupport
import Testing

@Suite struct RunJailTests {
    /// The ways out, each of which says a word when it works; what is written is looked for
    /// outside.
    private static func attack(_ stage: RunStage) -> String {
        let (home, user) = (stage.daemon.home, stage.folder.path)
        let account = stage.daemon.folder.path
        return """
            exec 2>/dev/null
            echo x >'\(user)/escaped'
            echo x >'\(home)/escaped'
            echo x >/etc/gr-escaped && echo WROTE-ETC
            grep -c . '\(home)/state.db' >/dev/null && echo READ-STATE
            ls -A '\(home)' | grep -q . && echo LISTED-DAEMON
            ls -A '\(account)/.ssh' | grep -q . && echo LISTED-SSH
            cat '\(account)/.ssh/id' && echo READ-SSH
            cat '/proc/self/root\(account)/.ssh/id' && echo READ-SSH-BY-PROC
            echo x >'\(account)/escaped'
            curl -sS -m 2 http://127.0.0.1:\(stage.daemon.port)/health && echo REACHED-DAEMON
            curl -sS -m 2 http://127.0.0.1:\(stage.model.port)/ && echo REACHED-MODEL
            curl -sS -m 2 --unix-socket '\(home)/daemon.sock' http://x/health && echo REACHED-SOCKET
            curl -sS -m 2 --unix-socket /proc/1/root'\(home)/daemon.sock' http://x/ && echo ROOT
            cat /proc/*/environ | tr '\\0' '\\n' | grep -i 'sk-ant' && echo FOUND-KEY
            env | grep -i 'sk-ant' && echo KEY-IN-ENVIRONMENT
            ln -s '\(account)' away && cat away/.ssh/id && echo READ-SSH-BY-LINK
            ln -s '\(home)' link && cat link/state.db | grep -q . && echo READ-BY-LINK
            mount -t tmpfs none /mnt && echo MOUNTED
            unshare -U true && echo UNSHARED
            echo 1 >/proc/sys/kernel/core_uses_pid && echo WROTE-SYSCTL
            kill -9 \(stage.daemon.pid) && echo KILLED
            echo over

            """
    }

    /// Files below `folder` that hold the word.
    private static func holders(of word: String, in folder: String) throws -> String {
        try Program.run(["grep", "-rlaF", "--", word, folder]).output
    }

    /// Temporary folders are taken away from a jail altogether; what is beside the build is there.
    static let bases: [String?] = [
        nil, "/" + BuildProducts.directory.split(separator: "/").dropLast(2).joined(separator: "/"),
    ]

    @Test(arguments: bases)
    func `A shell in the jail finds no way out and no key`(base: String?) throws {
        let stage = try RunStage(["Makefile": "test:\n\t@test -f done\n"], in: base)
        _ = unsafe mkdir(stage.daemon.folder.file(".ssh"), 0o700)
        TemporaryFolder.write("of ssh", to: stage.daemon.folder.file(".ssh/id"))
        stage.write(Self.attack(stage), "attack.sh")
        try stage.model.script(
            RunStage.reply("Hm.", ("bash_exec", #"{"command":"sh attack.sh; touch done"}"#)))
        let run = try stage.start("make-test")
        #expect(try stage.end(of: run)["status"].text == "achieved")
        let result = try #require(
            try stage.events(run).first { $0["kind"].text == "tool_result" })
        #expect(result["payload"]["content"].text == "over\nExit code: 0", "\(result)")
        #expect(TextFile.read(stage.folder.file("escaped")) == nil)
        #expect(TextFile.read(stage.daemon.file("escaped")) == nil)
        #expect(TextFile.read(stage.daemon.folder.file("escaped")) == nil)
        #expect(stage.daemon.isAlive)
        #expect(try Self.holders(of: RunStage.key, in: stage.daemon.home) == "")
    }

    @Test func `Without the jail programs still get no key, and the run says so`() throws {
        let stage = try RunStage(["Makefile": "test:\n\t@test -f done\n"])
        try stage.model.script(
            RunStage.reply(
                "Hm.", ("bash_exec", #"{"command":"env | grep -c sk-ant; touch done"}"#)))
        let run = try stage.start("make-test", #""sandbox":"off""#)
        let last = try stage.end(of: run)
        #expect(last["status"].text == "achieved" && last["sandbox"].text == "off")
        let result = try #require(
            try stage.events(run).first { $0["kind"].text == "tool_result" })
        #expect(result["payload"]["content"].text == "0\nExit code: 0", "\(result)")
        #expect(try Self.holders(of: RunStage.key, in: stage.daemon.home) == "")
    }

    @Test func `File tools do not leave the folder, whatever is tried`() throws {
        let stage = try RunStage(["Makefile": "test:\n\t@test -f done\n"])
        TemporaryFolder.write("the secret", to: stage.folder.file("secret"))
        let ways = [
            "../secret", stage.folder.file("secret"), "/proc/self/root/etc/passwd", "/etc/passwd",
            "link/secret", "./a/../../secret", "/dev/stdin",
        ]
        _ = unsafe symlink("..", stage.project + "/link")
        let calls = ways.map { ("file_read", "{\"path\":\"\($0)\"}") }
        let writes = ways.map {
            ("file_write", "{\"path\":\"\($0)\",\"content\":\"escaped\"}")
        }
        for call in calls + writes {
            try stage.model.script(RunStage.reply("Next.", call))
        }
        try stage.model.script(
            RunStage.reply("Done.", ("file_write", #"{"path":"done","content":""}"#)))
        let run = try stage.start("make-test", iterations: 30)
        #expect(try stage.end(of: run)["status"].text == "achieved")
        let results = try stage.events(run).filter { $0["kind"].text == "tool_result" }
        #expect(results.count == ways.count * 2 + 1)
        for result in results.dropLast() {
            #expect(result["payload"]["error"] == .bool(true), "\(result)")
            #expect(!"\(result)".contains("the secret") && !"\(result)".contains("root:x"))
        }
        #expect(TextFile.read(stage.folder.file("secret")) == "the secret")
    }
}
