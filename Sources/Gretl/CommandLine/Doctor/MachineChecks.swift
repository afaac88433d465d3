// gr doctor about the machine and the installation: the kernel, the programs, the disk, the clock.

/// Checks that need no daemon.
enum MachineChecks {
    static func kernel() -> [Finding] {
        var findings: [Finding] = []
        let release = HomeInspection.kernelRelease()
        let numbers = release.split(separator: ".").prefix(2).compactMap { part in
            Int(part.prefix { $0.isASCII && $0.isNumber })
        }
        if numbers.count == 2, numbers[0] > 6 || (numbers[0] == 6 && numbers[1] >= 1) {
            findings.append(.good("kernel", "Linux \(release)"))
        } else {
            findings.append(
                .notice(
                    "kernel", "Linux \(release.isEmpty ? "of an unknown version" : release)",
                    hint: "gr is made for Linux 6.1 or later"))
        }
        if let refusal = HomeInspection.socketOwnersRefusal() {
            findings.append(
                .broken(
                    "kernel", "it does not tell who owns a socket: \(refusal)",
                    hint: "set 'peer_check = false' in config.toml to run without that check"))
        }
        return findings
    }

    static func programs(folder: String = ProcessFacts.executableFolder()) -> [Finding] {
        let monitor = "\(folder)/gr-monitor"
        guard ProcessFacts.isExecutable(monitor) else {
            return [
                .broken(
                    "programs", "\(monitor) is not there: no service can be started",
                    hint: "install gr and gr-monitor into one folder: make install")
            ]
        }
        return [.good("programs", "gr \(Version.text) and gr-monitor in \(folder)")]
    }

    /// A log takes up to 50 MiB, and the database has to be written.
    static func disk(_ space: HomeInspection.Space?, _ home: String) -> [Finding] {
        guard let space else { return [] }
        let megabytes = Quantities.megabytes(Double(space.freeBytes) / 1_048_576)
        let place = "on the disk of \(home)"
        if space.freeBytes < 16 << 20 {
            return [
                .broken(
                    "disk", "\(megabytes) are free \(place): changes cannot be kept",
                    hint: "free some space; logs are in \(home)/logs")
            ]
        }
        if space.allFiles > 0, space.freeFiles < 1_000 {
            return [
                .broken(
                    "disk", "room for \(space.freeFiles) more files \(place)",
                    hint: "remove files; the disk has room for no more of them")
            ]
        }
        if space.freeBytes < 512 << 20 {
            return [
                .notice(
                    "disk", "only \(megabytes) are free \(place)",
                    hint: "a service's logs may take 50 MiB; see \(home)/logs")
            ]
        }
        return [.good("disk", "\(megabytes) free \(place)")]
    }

    /// 2025 began then: an earlier clock was never set.
    private static let earliest: Int64 = 1_735_689_600

    /// `newest` is when something of the home folder was changed last.
    static func clock(now: Int64, newest: Int64?) -> [Finding] {
        guard now >= earliest else {
            return [
                .broken(
                    "clock", "it says a time before 2025", hint: "set it: timedatectl set-ntp true")
            ]
        }
        // A file system may round up to two seconds.
        if let newest, newest > now + 2 {
            return [
                .notice(
                    "clock",
                    "files in the home folder were changed \(Quantities.age(seconds: newest - now))"
                        + " from now: the clock was set back",
                    hint: "times in logs and events jump there; nothing needs to be done if the "
                        + "clock is right now: date")
            ]
        }
        return [.good("clock", "no jump seen")]
    }
}
