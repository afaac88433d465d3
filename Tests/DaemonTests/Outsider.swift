// Programs that are not the daemon's: somebody else's server on a port, started by the test itself
// in a session of its own. Ended by pid with all that hangs below, whatever the test did.

import CEpoll
import Glibc
import TestSupport
import Testing

/// A process of the test's and what it starts.
final class Outsider {
    let pid: Int32
    private let pidfd: Int32
    private var below: Set<Int32> = []

    /// Runs `words` (found by PATH) in a new session, as user `uid` when given, in `directory`.
    init(
        _ words: [String], uid: UInt32? = nil, directory: String = "/",
        environment: [String] = []
    ) throws {
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        // Each of these becomes the next: the pid is that of the program.
        var line = ["env", "-C", directory, "setsid"]
        if let uid {
            line += ["setpriv", "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", "--"]
        }
        (pid, pidfd) = try DaemonProcess.spawn(
            "/usr/bin/env", line + words,
            ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"] + environment,
            [null, null, null])
    }

    /// A perl server: listens on each address (`host:port`) and answers 200 to every request.
    convenience init(
        listensOn addresses: [String], uid: UInt32? = nil, ignoresTerm: Bool = false
    ) throws {
        try self.init(Self.perl(addresses, ignoresTerm: ignoresTerm), uid: uid)
        for address in addresses { try waitListening(address) }
    }

    static func perl(_ addresses: [String], ignoresTerm: Bool = false) -> [String] {
        ["perl", "-e", (ignoresTerm ? "$SIG{TERM} = 'IGNORE';" : "") + script] + addresses
    }

    private static let script = #"""
        use Socket qw(:all);
        my @s;
        for (@ARGV) {
            my ($host, $port) = /^(.*):(\d+)$/ or die;
            my ($error, @found) = getaddrinfo($host, $port, { flags => AI_NUMERICHOST });
            my $a = $found[0];
            socket(my $s, $a->{family}, SOCK_STREAM, 0) or die;
            setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
            setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $a->{family} == AF_INET6;
            bind($s, $a->{addr}) or die "bind: $!";
            listen($s, 64) or die;
            push @s, $s;
        }
        while (1) {
            my $r = "";
            vec($r, fileno($_), 1) = 1 for @s;
            select($r, undef, undef, undef);
            for my $s (@s) {
                next unless vec($r, fileno($s), 1) && accept(my $c, $s);
                sysread($c, my $x, 4096);
                print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                close $c;
            }
        }
        """#

    var isAlive: Bool { ProcessTable.isAlive(pid) }

    /// Living processes below it, remembered for the end.
    @discardableResult
    func descendants() -> Set<Int32> {
        let found = ProcessTable.descendants(of: [pid])
        below.formUnion(found)
        return found
    }

    func signal(_ number: Int32) { _ = cepoll_pidfd_signal(pidfd, number) }

    /// Takes its exit off the kernel's list; true when it had ended.
    @discardableResult
    func reap(within milliseconds: Int32 = 5_000) -> Bool {
        guard DaemonProcess.waitReadable(pidfd, milliseconds) else { return false }
        var status: Int32 = 0
        return unsafe waitpid(pid, &status, 0) == pid
    }

    deinit {
        descendants()
        _ = cepoll_pidfd_signal(pidfd, SIGKILL)
        for one in below { ProcessTable.end(one) }
        reap()
        close(pidfd)
    }

    private func waitListening(_ address: String) throws {
        let colon = try #require(address.lastIndex(of: ":"))
        let port = try #require(UInt16(address[address.index(after: colon)...]))
        let host = String(address[..<colon])
        let asked = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        try #require(eventually { Self.accepts(asked, port) }, "nobody listens on \(address)")
    }

    /// Whether somebody takes connections there.
    static func accepts(_ host: String, _ port: UInt16) -> Bool {
        var address = cepoll_address()
        guard unsafe cepoll_address_parse(&address, host, port) == 0 else { return false }
        let netlink = cepoll_sockdiag_open()
        defer { close(netlink) }
        var owner = cepoll_socket_owner()
        return unsafe cepoll_sockdiag_listener(netlink, &address, &owner) == 1
    }
}
