// Real shells on a real terminal: types a line, a tab and return, and tells which words the shell
// made of it. Needs python3 for the terminal. Everything a shell writes stays in the test's folder.

import TestSupport
import Testing

/// A shell there is a completion script for.
enum DrivenShell: String, CaseIterable, Sendable { case bash, zsh, fish }

enum ShellDriver {
    /// What became of each line after a tab: its words in brackets, without the first. `show`
    /// stands for gr on those lines, and prints its words. `folder` is where the shell runs.
    static func complete(
        _ lines: [String], in shell: DrivenShell, folder: String, environment: [String]
    ) throws -> [String] {
        let path = "PATH=\(BuildProducts.directory):/usr/local/bin:/usr/bin:/bin"
        let program = folder + "/drive.py"
        TemporaryFolder.write(python, to: program)
        let result = try Program.run(
            ["python3", "-B", program, shell.rawValue, folder] + lines,
            environment: environment + [path, "HOME=\(folder)", "LC_ALL=C.UTF-8"],
            directory: folder, seconds: 120)
        #expect(result.exit == 0, "\(shell): \(result.output)\(result.errors)")
        return result.output.split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast().map(String.init)
    }

    /// The shell takes what was typed in order, so nothing is waited for but what it prints.
    private static let python = #"""
        import fcntl, os, pty, re, select, signal, struct, sys, termios, time

        shell, folder, lines = sys.argv[1], sys.argv[2], sys.argv[3:]
        show = "show() { printf '<<'; printf '[%s]' \"$@\"; printf '>>\\n'; }\n"
        rc = {
            "bash": "PS1='READY '\nbind 'set enable-bracketed-paste off'\n" + show
                + "source <(gr completion bash)\ncomplete -F _gr show\n",
            "zsh": "PS1='READY '\nunset zle_bracketed_paste\nautoload -U compinit\n"
                + "compinit -u -D\n" + show + "source <(gr completion zsh)\ncompdef _gr show\n",
            "fish": "function fish_prompt; printf 'READY '; end\nset -g fish_greeting ''\n"
                + "set -g fish_autosuggestion_enabled 0\n"
                + "function show; printf '<<'; printf '[%s]' $argv; printf '>>\\n'; end\n"
                + "gr completion fish | source\ncomplete -c show -w gr\n",
        }[shell]
        place = {"bash": "rc", "zsh": ".zshrc", "fish": "fish/config.fish"}[shell]
        os.makedirs(os.path.dirname(f"{folder}/{place}"), exist_ok=True)
        open(f"{folder}/{place}", "w").write(rc)
        # Without that folder fish reads all manual pages first.
        os.makedirs(f"{folder}/data/fish/generated_completions", exist_ok=True)
        words = {
            "bash": ["bash", "--noprofile", "--rcfile", f"{folder}/rc", "-i"],
            "zsh": ["zsh", "-d", "-i"], "fish": ["fish", "-i"],
        }[shell]
        more = {
            "TERM": "xterm" if shell == "fish" else "dumb", "ZDOTDIR": folder,
            "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": f"{folder}/data",
        }
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(words[0], words, {**os.environ, **more})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
        seen = b""

        def until(pattern, seconds):
            global seen
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                found = re.search(pattern, seen, re.S)
                if found:
                    seen = seen[found.end():]
                    return found
                if select.select([terminal], [], [], 0.1)[0]:
                    try:
                        seen += os.read(terminal, 65536)
                    except OSError:
                        return None

        try:
            until(rb"READY ", 30)
            for line in lines:
                os.write(terminal, line.encode() + b"\t\n")
                found = until(rb"<<((?:\[[^\r\n]*\])?)>>", 20)
                print(found.group(1).decode() if found else f"nothing: {seen[-300:]}")
                if not found:
                    os.write(terminal, b"\x03")
                until(rb"READY ", 20)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        """#
}
