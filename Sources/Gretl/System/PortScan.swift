// Who listens where: the kernel's list of listening sockets, then the descriptors of processes
// until every socket has its owner. The second half takes from 4 to over 100 ms, so the scan is cut
// into slices, between which others get the background thread. Run by PortHolders, nowhere else.

import Glibc
import NetCore

/// One look at one port, or at all of them.
struct PortScan: Sendable {
    /// What tells the processes of our services from others.
    struct Known: Sendable {
        /// The main program of each running service.
        var programs: [Int32: String] = [:]
        /// The services of the monitors, by incarnation.
        var incarnations: [String: String] = [:]
    }

    private let known: Known
    private let sockets: [ListeningSocket]
    /// The processes that have each socket open.
    private var owners: [UInt32: [Int32]] = [:]
    private let wanted: Set<UInt32>
    /// Those that processes of our services have.
    private var ownFound: Set<UInt32> = []
    /// Processes to look at; those of our services first.
    private var waiting: [Int32] = []
    private var next = 0
    /// How many of `waiting` are our services'.
    private var ownCount = 0
    /// What docker-proxy forwards, which tells who they are to everybody.
    private var proxies: [Int: Int32] = [:]
    private let isForOnePort: Bool
    private(set) var isDone = false

    /// Links looked at in one slice: some milliseconds.
    private static let linksPerSlice = 1_024
    private static let processesPerSlice = 64
    private static let linksMost = 65_536
    private static let processesMost = 100_000

    /// `port` nil: every port.
    init(port: UInt16?, known: Known) throws(SystemError) {
        self.known = known
        isForOnePort = port != nil
        sockets = try ListeningSocket.list(port: port ?? 0).filter { $0.inode != 0 }
        wanted = Set(sockets.map(\.inode))
        guard !sockets.isEmpty else {
            isDone = true
            return
        }
        var own: [Int32] = []
        for root in known.programs.keys.sorted() { own += PortScan.tree(root) }
        let others = PortScan.all()
        let isOwn = Set(own)
        waiting = own + others.filter { !isOwn.contains($0) }
        ownCount = own.count
    }

    /// A process and what hangs below it.
    private static func tree(_ root: Int32, most: Int = 4_096) -> [Int32] {
        var found = [root]
        var index = 0
        while index < found.count, found.count < most {
            found += ProcessEntry.children(of: found[index])
            index += 1
        }
        return found
    }

    /// Whether none of these sockets is open in a process below the monitor of `program`. As much
    /// work as a slice: of a tree that is too large for that it says no.
    static func isOutside(_ program: Int32, _ sockets: Set<UInt32>) -> Bool {
        guard let entry = ProcessEntry.read(program) else { return false }
        let isMonitored = ProcessEntry.read(entry.parent)?.program == "gr-monitor"
        let processes = tree(isMonitored ? entry.parent : program, most: processesPerSlice)
        var links = 0
        for pid in processes {
            var isFound = false
            let listing = ProcFile.sockets(of: pid, most: linksPerSlice) {
                if sockets.contains($0) { isFound = true }
            }
            switch listing {
            case .numbers(let descriptors): links += descriptors.count
            case .gone: break
            // It runs as another user, and may be the one.
            case .forbidden: return false
            }
            if isFound || links >= linksPerSlice { return false }
        }
        return processes.count < processesPerSlice
    }

    private static func all() -> [Int32] {
        guard case .numbers(let pids) = ProcFile.numbers(in: "/proc", most: processesMost) else {
            return []
        }
        return pids
    }

    /// Looks at some more processes.
    mutating func step() {
        var links = 0
        for _ in 0..<PortScan.processesPerSlice where links < PortScan.linksPerSlice {
            // A socket can be open in several processes, of which only a look at all tells the
            // oldest; of a service's any will do.
            guard next < waiting.count,
                !(isForOnePort && next >= ownCount && ownFound == wanted)
            else {
                isDone = true
                return
            }
            links += look(waiting[next])
            next += 1
        }
    }

    private mutating func look(_ pid: Int32) -> Int {
        var found: Set<UInt32> = []
        let listing = ProcFile.sockets(of: pid, most: PortScan.linksMost) { inode in
            if wanted.contains(inode) { found.insert(inode) }
        }
        for inode in found { owners[inode, default: []].append(pid) }
        if next < ownCount { ownFound.formUnion(found) }
        switch listing {
        case .numbers(let descriptors): return descriptors.count + 1
        case .gone: return 1
        case .forbidden:
            lookAtProxy(pid)
            return 4
        }
    }

    /// docker-proxy belongs to root, but says in its command line what it holds.
    private mutating func lookAtProxy(_ pid: Int32) {
        guard let name = ProcFile.read("/proc/\(pid)/comm", most: 64),
            name.starts(with: "docker-proxy".utf8)
        else { return }
        let words = ProcessEntry.words(of: pid).map { String(decoding: $0, as: UTF8.self) }
        guard let flag = words.firstIndex(of: "-host-port"), flag + 1 < words.count,
            let port = Int(words[flag + 1]), words.contains("tcp")
        else { return }
        proxies[port] = pid
    }

    // MARK: The result

    /// A socket of the daemon's user that no process seems to have: it was closed since the list
    /// was made, by a process that ends most of all, or is another container's.
    private var isInDoubt: Bool {
        sockets.contains { owners[$0.inode] == nil && $0.uid == ProcessFacts.uid }
    }

    /// Sorted by port, then by address. To be taken when the scan is done.
    func holders() -> [PortHolder] {
        var entries: [Int32: ProcessEntry] = [:]
        var rows: [Row: PortHolder] = [:]
        for socket in stillListening() {
            var sharers: [ProcessEntry] = []
            for pid in owners[socket.inode] ?? [] {
                guard let entry = entries[pid] ?? ProcessEntry.read(pid) else { continue }
                entries[pid] = entry
                sharers.append(entry)
            }
            sharers.sort {
                ($0.identity.startTime, $0.pid) < ($1.identity.startTime, $1.pid)
            }
            let process =
                sharers.first { !PortScan.isManager($0) }
                ?? sharers.first { !PortScan.isDaemon($0) } ?? sharers.first
                ?? proxies[Int(socket.port)].flatMap(ProcessEntry.read)
            let row = Row(
                port: socket.port, pid: process?.pid, uid: process == nil ? socket.uid : nil)
            var holder =
                rows[row] ?? make(socket, process, sharers)
            if !holder.addresses.contains(socket.host) { holder.addresses.append(socket.host) }
            holder.sockets.append(socket.inode)
            for one in sharers where !holder.sharers.contains(one.identity) {
                holder.sharers.append(one.identity)
            }
            rows[row] = holder
        }
        for row in rows.keys { rows[row]?.addresses.sort() }
        return rows.values.sorted {
            ($0.port, $0.addresses.first ?? "", $0.pid ?? 0)
                < ($1.port, $1.addresses.first ?? "", $1.pid ?? 0)
        }
    }

    /// Without those that were closed while their owners were looked for: nobody holds them.
    private func stillListening() -> [ListeningSocket] {
        guard isInDoubt,
            let now = try? ListeningSocket.list(port: isForOnePort ? sockets[0].port : 0)
        else { return sockets }
        let open = Set(now.map(\.inode))
        return sockets.filter { owners[$0.inode] != nil || open.contains($0.inode) }
    }

    /// What makes one entry of the sockets of one process on one port.
    private struct Row: Hashable {
        let port: UInt16
        let pid: Int32?
        let uid: UInt32?
    }

    private func make(
        _ socket: ListeningSocket, _ process: ProcessEntry?, _ sharers: [ProcessEntry]
    ) -> PortHolder {
        let keeper = process.flatMap(keeper)
        var holder = PortHolder(
            port: Int(socket.port), addresses: [], uid: process?.uid ?? socket.uid,
            process: process, isDocker: process.map { PortScan.isForwarder($0) } ?? false)
        switch keeper {
        case .service(let name): holder.service = name
        case .foreign(let monitor): holder.foreignMonitor = monitor
        case nil: break
        }
        return holder
    }

    private static func isForwarder(_ entry: ProcessEntry) -> Bool {
        forwarders.contains(entry.program)
    }

    /// What listens for containers.
    private static let forwarders: Set<String> = ["docker-proxy", "rootlesskit", "rootlessport"]

    /// Keeps sockets for others until they are wanted; the daemon and a monitor both have that of a
    /// held port.
    private static func isManager(_ entry: ProcessEntry) -> Bool {
        entry.pid == 1 || isDaemon(entry)
            || ["systemd", "gr-monitor"].contains(entry.program)
    }

    /// This daemon or another one.
    private static func isDaemon(_ entry: ProcessEntry) -> Bool {
        entry.pid == ProcessFacts.pid || entry.isDaemon
    }

    /// Who started a process and answers for it.
    private enum Keeper {
        case service(String)
        /// The monitor of another daemon.
        case foreign(Int32)
    }

    private static let climbMost = 64

    /// The service a process belongs to: the program, something below it, or something below its
    /// monitor that left the rest of the tree.
    private func keeper(_ process: ProcessEntry) -> Keeper? {
        var entry = process
        for _ in 0..<PortScan.climbMost {
            if let name = known.programs[entry.pid] { return .service(name) }
            if entry.program == "gr-monitor" {
                if let name = monitored(entry.pid) { return .service(name) }
                // A daemon that is itself run as a service shares that monitor with all around it.
                return PortScan.isAbove(entry.pid) ? nil : .foreign(entry.pid)
            }
            guard entry.parent > 1, let parent = ProcessEntry.read(entry.parent) else {
                return nil
            }
            entry = parent
        }
        return nil
    }

    /// Whether this process hangs below `pid`.
    private static func isAbove(_ pid: Int32) -> Bool {
        var entry = ProcessEntry.read(ProcessFacts.pid)
        for _ in 0..<climbMost {
            guard let parent = entry?.parent, parent > 1 else { return false }
            if parent == pid { return true }
            entry = ProcessEntry.read(parent)
        }
        return false
    }

    private func monitored(_ monitor: Int32) -> String? {
        let words = ProcessEntry.words(of: monitor)
        guard words.count > 1 else { return nil }
        return known.incarnations[String(decoding: words[1], as: UTF8.self)]
    }
}
