// A repository with ten services in three groups, from nothing to all ready with one command, as a
// person and a script meet it: the real gr, the real daemon, a second worktree, a changed command.

import Glibc
import TestSupport
import Testing

/// The repository: who needs whom. `db` is somebody else's, as one that docker runs.
private struct Shop {
    static let needs: [String: [String]] = [
        "db": [], "cache": [], "queue": ["cache"], "auth": ["db"], "api": ["auth", "queue"],
        "jobs": ["queue"], "web": ["api"], "admin": ["api"], "docs": [], "mailer": ["jobs"],
    ]
    static let groups = [
        "db": "@data", "cache": "@data", "queue": "@data", "auth": "@core", "api": "@core",
        "jobs": "@core", "web": "@site", "admin": "@site", "docs": "@site", "mailer": "@site",
    ]
    let ports: [String: UInt16]
    /// Listens for db.
    let docker: Holder

    init(docker: Holder = Holder("127.0.0.1")) {
        self.docker = docker
        var ports = ["db": docker.port]
        for name in Self.needs.keys where name != "db" && name != "mailer" {
            ports[name] = ServiceFixture.freePort()
        }
        self.ports = ports
    }

    func text(_ fixture: UpFixture, top: String = "") -> String {
        var text = top + "project = \"shop\"\n"
        for name in Self.needs.keys.sorted() {
            text += "[service.\(name)]\ngroup = \"\(Self.groups[name] ?? "")\"\n"
            text += "port = \(ports[name].map { "\($0)" } ?? "false")\n"
            if name == "mailer" {
                text += "cmd = \"echo mailer >> order; exec sleep 600\"\n"
            } else if name != "db" {
                text += "cmd = '''\(fixture.server(name))'''\n"
            }
            if name == "api" { text += "ready = \"/health\"\n" }
            let needs = (Self.needs[name] ?? []).map { "\"\($0)\"" }.joined(separator: ", ")
            text += "depends_on = [\(needs)]\n"
        }
        return text + "[group.\"@data\"]\ndescription = \"what lasts\"\nparallel = false\n"
    }
}

struct UpProjectTests {
    @Test func `ten services come up with one command, stay as they are, and go down with one`()
        throws
    {
        let fixture = try UpFixture()
        let shop = Shop()
        fixture.write(shop.text(fixture))
        let first = try fixture.gr("up", "--yes")
        #expect(first.exit == 0, "\(first.output)\(first.errors)")
        let names = Shop.needs.keys.sorted()
        #expect(try fixture.registered() == names)
        for name in names { #expect(try fixture.status(name) == "running", "\(name)") }
        #expect(first.output.split(separator: "\n").count == 11 && first.errors == "")
        #expect(first.output.contains("started") && first.output.contains("was up"))

        // Each began behind all it needs.
        let order = fixture.lines("repo/order")
        #expect(order.sorted() == names.filter { $0 != "db" })
        for (name, needs) in Shop.needs {
            for needed in needs where needed != "db" {
                let places = (order.firstIndex(of: needed), order.firstIndex(of: name))
                #expect((places.0 ?? 99) < (places.1 ?? -1), "\(needed) before \(name): \(order)")
            }
        }

        let pids = try names.map { try fixture.services.service($0)["pid"] }
        let again = try fixture.gr("up", "--json")
        #expect(again.exit == 0 && !again.output.contains("\"started\""), "\(again.output)")
        #expect(try names.map { try fixture.services.service($0)["pid"] } == pids)

        let one = try fixture.gr("down", "@site")
        #expect(one.exit == 0 && one.output.contains("web stopped"), "\(one.errors)")
        #expect(try fixture.status("api") == "running")
        let down = try fixture.gr("down")
        #expect(down.exit == 0, "\(down.errors)")
        #expect(down.output.contains("db left alone: somebody else runs it"))
        for name in names where name != "db" {
            #expect(try fixture.status(name) == "stopped", "\(name)")
        }
        #expect(shop.docker.isListening)
    }

    @Test func `a second worktree is refused, naming both, and comes up with a prefix`() throws {
        let fixture = try UpFixture()
        let shop = Shop()
        fixture.write(shop.text(fixture))
        try fixture.addWorktree("second")
        #expect(try fixture.gr("up", "--yes").exit == 0)
        let before = try fixture.registered()

        let refused = try fixture.gr("up", "--yes", in: "second")
        #expect(refused.exit == 5 && refused.output == "", "\(refused.errors)")
        #expect(refused.errors.contains("10 names of \(fixture.folder.file("second")) are taken"))
        #expect(refused.errors.contains("'web' belongs to \(fixture.folder.file("repo"))\n"))
        #expect(
            refused.errors.contains("(prefix = \"second-\" in gr.toml, or gr up --prefix second-)"))
        #expect(try fixture.registered() == before)

        // Names are its own now; the ports in the file are still those of the first.
        let held = try fixture.gr("up", "--yes", "--prefix", "wip-", "cache", in: "second")
        #expect(held.exit == 5, "\(held.output)\(held.errors)")
        let port = shop.ports["cache"] ?? 0
        #expect(held.errors.contains("port \(port) is held by the service 'cache'"))
        #expect(held.errors.contains("gr who \(port)"), "\(held.errors)")
        #expect(try fixture.status("cache") == "running")

        // With ports of its own it runs beside the first.
        let other = Shop(docker: shop.docker)
        fixture.write(other.text(fixture, top: "prefix = \"wip-\"\n"), in: "second")
        let second = try fixture.gr("up", "--yes", in: "second")
        #expect(second.exit == 0, "\(second.output)\(second.errors)")
        for name in Shop.needs.keys {
            #expect(try fixture.status(name) == "running", "\(name)")
            #expect(try fixture.status("wip-\(name)") == "running", "wip-\(name)")
        }
        let web = try fixture.services.service("wip-web")
        #expect(web["group"] == .string("@wip-site"))
        #expect(web["dependsOn"].items == [.string("wip-api")])
        #expect(web["root"] == .string(fixture.folder.file("second")))

        // Each stops its own only, by its own names.
        let down = try fixture.gr("down", "@site", "--prefix", "wip-", in: "second")
        #expect(down.exit == 0 && down.output.contains("wip-web stopped"), "\(down.errors)")
        #expect(try fixture.gr("down", "api", in: "second").exit == 4)
        #expect(try fixture.status("wip-api") == "running")
        #expect(try fixture.gr("down", in: "repo").exit == 0)
        #expect(try fixture.status("web") == "stopped")
        #expect(try fixture.status("wip-api") == "running")
    }

    @Test func `a serial group holds up its own services only`() throws {
        let fixture = try UpFixture()
        let until = "until grep -q front order; do sleep 0.05; done"
        // The first of the group is ready behind the front only; the second finds it ready.
        fixture.write(
            """
            [service.first]
            port = \(ServiceFixture.freePort())
            group = "@serial"
            cmd = '''\(until); \(fixture.server("first"))'''
            [service.second]
            port = \(ServiceFixture.freePort())
            group = "@serial"
            cmd = '''\(fixture.server("second"))'''
            [service.front]
            port = \(ServiceFixture.freePort())
            group = "@web"
            cmd = '''\(fixture.server("front"))'''
            [group."@serial"]
            parallel = false
            """)
        let run = try fixture.gr("up", "--yes", "--timeout", "20s")
        #expect(run.exit == 0, "\(run.output)\(run.errors)")
        #expect(fixture.lines("repo/order") == ["front", "first", "second"])
    }

    @Test func `a changed command is asked about again, and runs after a yes only`() throws {
        let fixture = try UpFixture()
        func write(_ command: String) {
            fixture.write("[service.w]\nport = false\ncmd = \"\(command)\"\n")
        }
        write("exec sleep 600")
        let first = try fixture.gr("up")
        #expect(first.exit == 7 && first.errors.contains("w (new): exec sleep 600"))
        #expect(first.errors.contains("gr up --yes"))
        #expect(try fixture.registered() == [])
        let no = try fixture.grOnTerminal("up")
        #expect(no.sees("Run it? [y/N] "), "\(no.output)")
        no.type("n\r")
        #expect(no.end() == 7 && no.output.contains("nothing was done"), "\(no.output)")
        #expect(try fixture.registered() == [])
        let yes = try fixture.grOnTerminal("up")
        #expect(yes.sees("Run it? [y/N] "))
        yes.type("y\r")
        #expect(yes.end() == 0, "\(yes.output)")
        #expect(try fixture.status("w") == "running")
        #expect(try fixture.gr("up").exit == 0)
        #expect(TemporaryFolder.mode(fixture.daemon.file("allowed")) == 0o600)

        write("exec sleep 601")
        let changed = try fixture.gr("up")
        #expect(changed.exit == 7)
        #expect(
            changed.errors.contains("  w (changed): exec sleep 601\n    it was: exec sleep 600\n"))
        #expect(try fixture.services.service("w")["cmd"] == .string("exec sleep 600"))
        // What does not change what is run needs no yes.
        write("exec sleep 600\"\ngroup = \"@jobs")
        #expect(try fixture.gr("up").exit == 0)
        write("exec sleep 601")
        let allowed = try fixture.gr("up", "--yes")
        #expect(allowed.exit == 0)
        #expect(allowed.errors.contains("for the change: gr restart w"), "\(allowed.errors)")
        #expect(try fixture.services.service("w")["pendingChange"] == .bool(true))
        #expect(try fixture.gr("restart", "w").exit == 0)
        #expect(try fixture.gr("up").errors == "")

        // The same file elsewhere is another one.
        fixture.write("[service.x]\nport = false\ncmd = \"exec sleep 601\"\n", in: "clone")
        #expect(try fixture.gr("up", in: "clone").exit == 7)
    }
}
