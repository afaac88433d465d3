// The jail from inside: what a program of a run can reach of the machine, and what it cannot. Each
// escape is tried by a real shell in real bubblewrap.

import Glibc
import NetCore
import TestSupport
import Testing

@testable import Gretl

@Suite(.enabled(if: ProgramStage.hasJail))
struct JailTests {
    @Test func aCommandRunsInTheProjectAndMayWriteThere() async throws {
        let stage = try ProgramStage()
        let outcome = try await stage.bash("pwd; echo made > made.txt; cat made.txt; exit 3")
        #expect(outcome.exitCode == 3 && outcome.isError && outcome.mayHaveChanged)
        #expect(outcome.content.hasSuffix("/home/project\nmade\nExit code: 3"))
        #expect(TextFile.read(stage.project + "/made.txt") == "made\n")
    }

    @Test func nothingElseCanBeWritten() async throws {
        let stage = try ProgramStage()
        let outcome = try await stage.bash(
            """
            ROOT=/proc/self/root INIT=/proc/1/root
            for place in / /etc /usr /var "$HOME" "$HOME/.config" "$ROOT/etc" \
                "$INIT/etc" /sys /proc/sys/kernel ..; do
                touch "$place/planted" 2>/dev/null && echo "WROTE $place"
            done
            echo x 2>/dev/null > /proc/sys/kernel/core_pattern && echo "WROTE core_pattern"
            echo done
            """)
        #expect(outcome.content == "done\nExit code: 0")
        let above = TextFile.read(stage.home + "/planted")
        #expect(above == nil)
    }

    @Test func secretsAreNotThere() async throws {
        let stage = try ProgramStage()
        let daemon = stage.daemonHome
        let outcome = try await stage.bash(
            """
            cat "$HOME/.ssh/id_rsa" "$HOME/.netrc" "\(daemon)/token" \
                "/proc/self/root$HOME/.ssh/id_rsa" /etc/shadow 2>/dev/null
            ls -A "$HOME/.ssh" "\(daemon)" | grep -v : | tr -d '\\n'
            touch "$HOME/.ssh/x" 2>/dev/null && echo WROTE
            """)
        #expect(!outcome.content.contains("key of ssh"))
        #expect(outcome.content == "Exit code: 1", "\(outcome.content)")
        #expect(TextFile.read(stage.home + "/.ssh/id_rsa") == "key of ssh")
    }

    @Test func keysAreNotInTheEnvironment() async throws {
        let stage = try ProgramStage()
        let outcome = try await stage.bash("env; cat /proc/*/environ | tr '\\0' '\\n'")
        #expect(!outcome.content.contains("secret"))
        #expect(outcome.content.contains("LC_ALL=C.UTF-8"))
        #expect(outcome.content.contains("TMPDIR=/tmp\n"))
        #expect(outcome.content.contains("GR_RUN=run-1\n"))
    }

    @Test func noPortOfTheMachineIsReachable() async throws {
        let stage = try ProgramStage()
        let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = unsafe bind(listener, generic, length)
                _ = unsafe getsockname(listener, generic, &length)
            }
            return unsafe UInt16(bigEndian: pointer.pointee.sin_port)
        }
        listen(listener, 8)
        let script = """
            import socket
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    s = socket.socket(socket.AF_INET, kind)
                    s.settimeout(2)
                    s.connect(("127.0.0.1", \(port)))
                    s.send(b"x")
                    if kind == socket.SOCK_STREAM: print("REACHED")
                except OSError as error: print(type(error).__name__)
            print(sorted(name for _, name in socket.if_nameindex()))
            """
        stage.write(script, "reach.py")
        let outcome = try await stage.bash("python3 reach.py")
        #expect(!outcome.content.contains("REACHED"), "\(outcome.content)")
        #expect(outcome.content.contains("ConnectionRefusedError"), "\(outcome.content)")
        // With the network of the machine it is reached: the test can tell.
        let open = try ProgramStage(Confinement(hasNetwork: true))
        open.write(script, "reach.py")
        #expect(try await open.bash("python3 reach.py").content.contains("REACHED"))
    }

    @Test func socketsOfTheMachineAreNotThere() async throws {
        let stage = try ProgramStage()
        let path = stage.home + "/agent.sock"
        let made = try Program.run(
            [
                "python3", "-c",
                """
                import os, socket, subprocess, sys
                s = socket.socket(socket.AF_UNIX)
                s.bind(sys.argv[1])
                s.listen()
                """, path,
            ])
        #expect(made.exit == 0)
        // It must be open while the program runs.
        let holder = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(holder) }
        let other = stage.home + "/live.sock"
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (index, byte) in other.utf8.enumerated() where index < 107 {
                unsafe bytes[index] = byte
            }
        }
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(holder, generic, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound)
        listen(holder, 8)
        let outcome = try await stage.bash(
            """
            for place in /run/dbus/system_bus_socket /run/docker.sock /var/run/docker.sock \
                /run/user/$(id -u)/bus /tmp/.X11-unix; do
                [ -e "$place" ] && echo "THERE $place"
            done
            python3 -c 'import socket, sys
            try:
                socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print("REACHED")
            except OSError as error: print("refused")' "$HOME/live.sock"
            """)
        #expect(outcome.content == "refused\nExit code: 0", "\(outcome.content)")
    }

    @Test func theProgramHasNoRightsAndSeesNobody() async throws {
        let stage = try ProgramStage()
        let outcome = try await stage.bash(
            """
            grep -E 'Cap(Eff|Prm|Bnd)' /proc/self/status | grep -v 0000000000000000
            unshare -Ur true 2>/dev/null && echo "MADE A NAMESPACE"
            mount -t tmpfs x /mnt 2>/dev/null && echo MOUNTED
            mount -o remount,rw / 2>/dev/null && echo REMOUNTED
            kill -0 \(getpid()) 2>/dev/null && echo "SEES THE DAEMON"
            [ "$(ls -d /proc/[0-9]* | wc -l)" -lt 10 ] && echo few
            ulimit -c
            """)
        #expect(outcome.content == "few\n0\nExit code: 0", "\(outcome.content)")
    }

    @Test func whatWasWrittenToTmpIsGoneWithTheProgram() async throws {
        let stage = try ProgramStage()
        _ = try await stage.bash("echo x > /tmp/kept; echo x > $TMPDIR/other")
        let outcome = try await stage.bash("ls /tmp/kept /tmp/other /var/tmp /run 2>/dev/null")
        #expect(!outcome.content.contains("kept") && !outcome.content.contains("other"))
    }

    @Test func cachesMayBeWrittenAndSecretsInThemNot() async throws {
        let stage = try ProgramStage()
        unsafe mkdir(stage.home + "/.npm/private", 0o700)
        TemporaryFolder.write("hidden", to: stage.home + "/.npm/private/token")
        let outcome = try await stage.tool(
            "bash_exec", ["command": .string("touch ~/.npm/x && cat ~/.npm/private/token")]
        ) { $0.secrets.append("~/.npm/private") }
        #expect(outcome.exitCode == 1 && !outcome.content.contains("hidden"))
        #expect(TextFile.read(stage.home + "/.npm/x") == "")
    }

    @Test func foldersThatWouldOpenTheMachineAreRefused() async throws {
        let stage = try ProgramStage()
        unsafe symlink(stage.home + "/.ssh", stage.home + "/link")
        let folders = [
            "/", "/home", "/etc", "/tmp", "/run", "/proc", "/usr", "/var", "/dev/shm",
            stage.home, stage.outside.path, stage.daemonHome, stage.daemonHome + "/logs",
            stage.home + "/.ssh", stage.home + "/link", stage.home + "/missing",
        ]
        let allowed = try await onReactor { () -> [String] in
            let programs = stage.programs()
            var allowed: [String] = []
            for folder in folders
            where await programs.refusal(Confinement(), in: folder)?.code != .invalidFolder {
                allowed.append(folder)
            }
            return allowed
        }
        #expect(allowed == [])
        let isFine = try await onReactor {
            await stage.programs().refusal(Confinement(), in: stage.context().folder) == nil
        }
        #expect(isFine)
    }
}

struct JailAbsenceTests {
    @Test func withoutBubblewrapNothingRuns() async throws {
        let stage = try ProgramStage()
        let error = APIError.sandboxUnavailable("bubblewrap (bwrap) is not installed")
        #expect(error.code == .sandboxUnavailable && error.hint.contains("sandbox = \"off\""))
        #expect(error.code.status == 503)
        let found = JailProbe.locate("relative:\(stage.home)")
        #expect(found == nil || found?.hasPrefix("/usr") == true || found == "/bin/bwrap")
    }
}
