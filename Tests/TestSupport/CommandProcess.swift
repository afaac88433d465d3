// The real `gr` as a person or a script runs it: on pipes, or on a terminal of the test's own (a
// pseudo-terminal, with `gr` in a session of which it is the controlling terminal, so that Ctrl-C
// works). Every wait has a limit; `deinit` ends what still runs, by pid.

import CEpoll
import Glibc

/// One run of a command.
package final class CommandProcess {
    /// What a command is run on.
    package enum Surroundings {
        case pipes
        case terminal(rows: UInt16, columns: UInt16)
    }

    private let made: (pid: Int32, pidfd: Int32)
    /// Ends of the test: input, output, errors; on a terminal all are its master.
    private var input: Int32
    private let outputs: [Int32]
    private var texts: [[UInt8]]
    private var isOpen: [Bool]
    private var exit: Int32??

    /// Starts `words`; the first is a path. On pipes `input` is all it can read.
    package init(
        _ words: [String], environment: [String], on surroundings: Surroundings = .pipes,
        input text: String? = nil, directory: String = "/"
    ) throws {
        var input: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        var errors: [Int32] = [-1, -1]
        var words = words
        var theirs: [Int32]
        switch surroundings {
        case .pipes:
            guard unsafe cepoll_pipe(&input) == 0, unsafe cepoll_pipe(&output) == 0,
                unsafe cepoll_pipe(&errors) == 0
            else { throw DaemonProcessError.spawn(errno) }
            theirs = [input[0], output[1], errors[1]]
            self.input = input[1]
            outputs = [output[0], errors[0]]
            // Theirs block, as those of a shell do.
            for end in theirs { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) & ~O_NONBLOCK) }
        case .terminal(let rows, let columns):
            let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
            var number: Int32 = 0
            var locked: Int32 = 0
            var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
            // Each call reads or writes the one value it is given.
            guard master >= 0, unsafe ioctl(master, UInt(0x4004_5431), &locked) == 0,
                unsafe ioctl(master, UInt(0x8004_5430), &number) == 0,
                unsafe ioctl(master, UInt(TIOCSWINSZ), &size) == 0
            else { throw DaemonProcessError.spawn(errno) }
            let slave = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
            theirs = [slave, slave, slave]
            self.input = master
            outputs = [master]
            words = ["/usr/bin/setsid", "-c", "-w"] + words
        }
        texts = outputs.map { _ in [] }
        isOpen = outputs.map { _ in true }
        if directory != "/" {
            words = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", directory] + words
        }
        let result = Result {
            try DaemonProcess.spawn(words[0], words, environment, theirs)
        }
        // While we hold the other ends there is no end of file.
        for end in Set(theirs) { close(end) }
        made = try result.get()
        if case .pipes = surroundings {
            if let text { type(text) }
            close(self.input)
            self.input = -1
        }
    }

    deinit {
        if exit == nil {
            for pid in ProcessTable.descendants(of: [made.pid]) { ProcessTable.end(pid) }
            _ = cepoll_pidfd_signal(made.pidfd, SIGKILL)
            collect(10_000)
        }
        close(made.pidfd)
        for descriptor in Set(outputs + [input]) where descriptor >= 0 { close(descriptor) }
    }

    package var pid: Int32 { made.pid }
    /// Standard output so far; on a terminal everything, as the terminal got it.
    package var output: String { String(decoding: texts[0], as: UTF8.self) }
    /// Standard error so far; empty on a terminal.
    package var errors: String { texts.count > 1 ? String(decoding: texts[1], as: UTF8.self) : "" }

    /// As if typed on the terminal.
    package func type(_ text: String) {
        let bytes = Array(text.utf8)
        // The kernel reads the array; a terminal takes far more than a test types.
        _ = unsafe write(input, bytes, bytes.count)
    }

    /// The terminal gets another size.
    package func resize(rows: UInt16, columns: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        // The kernel reads the one structure.
        _ = unsafe ioctl(input, UInt(TIOCSWINSZ), &size)
    }

    package func signal(_ number: Int32) { _ = cepoll_pidfd_signal(made.pidfd, number) }

    /// The attributes of the terminal, as bytes to compare.
    package var terminalModes: [UInt32] {
        var modes = termios()
        // The kernel fills the one structure.
        guard unsafe tcgetattr(input, &modes) == 0 else { return [] }
        return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag]
    }

    /// Reads until the output contains `text`; false after the time or at its end.
    package func sees(_ text: String, within milliseconds: Int = 20_000) -> Bool {
        wait(milliseconds) { $0.output.contains(text) }
    }

    /// Reads until it is so.
    package func wait(_ milliseconds: Int = 20_000, until isSo: (CommandProcess) -> Bool) -> Bool {
        let deadline = cepoll_monotonic() + Int64(milliseconds) * 1_000_000
        while !isSo(self) {
            guard isOpen.contains(true), cepoll_monotonic() < deadline else { return isSo(self) }
            read(100)
        }
        return true
    }

    /// Reads to the end: the exit code, -signal, or nil when it did not end in time.
    @discardableResult
    package func end(within milliseconds: Int = 20_000) -> Int32? {
        if let exit { return exit }
        _ = wait(milliseconds) { _ in false }
        collect(2_000)
        return exit ?? nil
    }

    private func collect(_ milliseconds: Int32) {
        guard DaemonProcess.waitReadable(made.pidfd, milliseconds) else { return }
        var status: Int32 = 0
        guard unsafe waitpid(made.pid, &status, 0) == made.pid else { return }
        exit = .some(status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f))
    }

    /// One round over all outputs.
    private func read(_ milliseconds: Int32) {
        var entries = outputs.enumerated().map { index, descriptor in
            pollfd(fd: isOpen[index] ? descriptor : -1, events: Int16(POLLIN), revents: 0)
        }
        // As many entries as the count says.
        guard unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return }
        for (index, entry) in entries.enumerated() where entry.revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            // The buffer lives for the call, which takes its true size.
            let count = unsafe Glibc.read(outputs[index], &bytes, bytes.count)
            if count > 0 {
                texts[index] += bytes[..<count]
            } else if count == 0 || errno != EAGAIN {
                // The master of a terminal that nobody has open says EIO.
                isOpen[index] = false
            }
        }
    }
}

extension DaemonProcess {
    /// Runs `gr` with these words against this daemon.
    package func gr(
        _ words: [String], environment: [String] = [],
        on surroundings: CommandProcess.Surroundings = .pipes, input: String? = nil,
        directory: String = "/"
    ) throws -> CommandProcess {
        try CommandProcess(
            [BuildProducts.gr] + words,
            environment: [
                "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(home)", "GR_HOME=\(home)",
                "LANG=C.UTF-8", "TERM=xterm", "GR_NO_AUTOSTART=1",
            ] + environment, on: surroundings, input: input, directory: directory)
    }
}
