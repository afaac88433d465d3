// gr.toml(5): what the file of a repository can say, key by key. A test holds the keys here against
// the ones that are read, so that none is missing.

/// One key of gr.toml.
struct ProjectKey: Sendable {
    let name: String
    let meaning: String

    init(_ name: String, _ meaning: String) {
        self.name = name
        self.meaning = meaning
    }
}

/// gr.toml(5).
enum FileManual {
    static let fileKeys = [
        ProjectKey("project", "The name that gr up shows; default: that of the folder."),
        ProjectKey(
            "root",
            "What paths in the file begin at: its folder, or a folder in it; default \".\"."),
        ProjectKey(
            "env_file",
            "Variables for all services with a cmd, KEY=VALUE one a line; default \".env\", which "
                + "may be missing."),
        ProjectKey(
            "prefix",
            "Put before every name the file defines, of services and of groups; default none. It "
                + "lets a second copy of a repository run beside the first."),
    ]

    static let serviceKeys = [
        ProjectKey(
            "port", "The port it listens on; needed. false for a worker that listens nowhere."),
        ProjectKey("cmd", "Run as $SHELL -c CMD; without it somebody else runs the service."),
        ProjectKey("cwd", "Where cmd runs, relative to root; default root."),
        ProjectKey(
            "env", "Variables; they win over env_file. Text, whole numbers, true and false."),
        ProjectKey("group", "The group it belongs to; starts with @."),
        ProjectKey(
            "ready",
            "A URL on this machine, ready once it answers 2xx; \"/health\" asks the service's own "
                + "port. Default: a connection to port."),
        ProjectKey("depends_on", "A list of services that have to be ready first."),
        ProjectKey(
            "restart_with", "Those of depends_on with whose restart this one is restarted."),
        ProjectKey("restart", "\"never\", \"on-failure\" or \"always\"; default \"on-failure\"."),
        ProjectKey("log_file", "A file in root for its output; default: the daemon's logs."),
        ProjectKey(
            "start",
            "\"manual\", or \"on-demand\": the first connection starts it; default \"manual\"."),
        ProjectKey(
            "listen",
            "true: the port is opened for it and stays open over restarts; default false."),
        ProjectKey("autostart", "true: started by itself after a boot; default false."),
        ProjectKey("tty", "true: its program has a terminal; default false."),
        ProjectKey("stop_signal", "What a stop sends first; default \"SIGTERM\"."),
    ]

    static let groupKeys = [
        ProjectKey("description", "What it is, in words."),
        ProjectKey(
            "parallel",
            "false: its services start one by one, in the order of depends_on; default true."),
    ]

    static var text: String {
        var page = Roff(
            title: "GR.TOML", section: 5, date: ManualPage.date, source: "gr \(Version.text)")
        page.section("NAME")
        page.plain("gr.toml - the services of a repository in one file")
        page.section("DESCRIPTION")
        page.plain(
            "gr up registers and starts the services of the file, gr down stops them, and gr "
                + "config check says whether it can be used. gr looks for gr.toml in the folder it "
                + "is called in, then in those above, then in your home folder; --file names "
                + "another one.")
        page.paragraph(
            "The file is TOML. Everything that is wrong with it is said at once, with line, column "
                + "and key, and nothing is done with a file that has a mistake in it.")
        page.section("THE FILE")
        for key in fileKeys { page.item(key.name, key.meaning) }
        page.section("[service.NAME]")
        for key in serviceKeys { page.item(key.name, key.meaning) }
        page.section("[group.\"@NAME\"]")
        for key in groupKeys { page.item(key.name, key.meaning) }
        page.section("WHAT IS ALLOWED")
        page.plain(
            "Commands are shown and run after a yes: once for each folder, and again when cmd, "
                + "cwd, env, the path of env_file or dependencies outside of the file have "
                + "changed. Without a terminal gr up refuses; gr up --yes allows what the file "
                + "says now.")
        page.paragraph(
            "A gr.toml, its folder or an env_file that every user of the machine can change is "
                + "not run, unless the file is named by --file.")
        page.paragraph(
            "A name belongs to the folder that registered it. Another folder, such as a second "
                + "worktree, needs a prefix, and ports of its own to run at the same time.")
        page.section("EXAMPLES")
        page.plain("A database that docker runs, and a service that needs it:")
        page.example([
            "[service.db]", "port = 5432", "group = \"@data\"", "", "[service.api]",
            "port = 7401", "cmd = \"npm run dev:server\"", "ready = \"/health\"",
            "depends_on = [\"db\"]", "env = { NODE_ENV = \"development\" }", "",
            "[group.\"@data\"]", "description = \"what is kept\"",
        ])
        page.section("SEE ALSO")
        page.seeAlso([("gr", 1)])
        return page.text
    }
}
