// gr config check: whether the gr.toml here can be used, without asking the daemon or running
// anything.

enum ConfigCommands {
    static let check: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let loaded = try LoadedProject.load(context)
        let project = loaded.project
        if context.isJSON {
            context.printJSON(body(loaded))
            return .success
        }
        let warnings = loaded.allWarnings()
        for warning in warnings {
            let place = warning.line.map { "\(loaded.file):\($0): " } ?? "\(loaded.file): "
            context.warn("warning: \(place)\(warning.message)")
        }
        if context.isQuiet {
            let groups = Set(project.services.compactMap(\.spec.group)).sorted()
            for name in project.services.map(\.name) + groups {
                context.print(DisplayText.escaped(name))
            }
            return .success
        }
        let groups = Set(project.services.compactMap(\.spec.group)).count
        context.say(
            "\(DisplayText.escaped(loaded.file)): \(counted(project.services.count, "service"))"
                + (groups > 0 ? " in \(counted(groups, "group"))" : "")
                + (warnings.isEmpty ? ", no mistakes" : ""))
        return .success
    }

    private static func counted(_ count: Int, _ word: String) -> String {
        "\(count) \(word)\(count == 1 ? "" : "s")"
    }

    private static func body(_ loaded: LoadedProject) -> [UInt8] {
        let project = loaded.project
        var json = JSONText(capacity: 4_096)
        json.beginObject()
        json.field("file", loaded.file)
        json.field("project", project.name)
        json.field("root", project.root)
        json.field("prefix", project.prefix)
        json.key("services")
        json.beginArray()
        for service in project.services {
            let spec = service.spec
            json.beginObject()
            json.field("name", spec.name)
            json.field("line", service.line)
            json.field("port", spec.port)
            json.field("cmd", spec.command)
            json.field("cwd", spec.directory)
            json.field("env", loaded.environment(of: service).keys.sorted())
            json.field("group", spec.group)
            json.field("ready", spec.ready)
            json.field("dependsOn", spec.dependsOn)
            json.field("restart", spec.restart.rawValue)
            json.field("logFile", spec.logFile)
            json.endObject()
        }
        json.endArray()
        json.key("groups")
        json.beginArray()
        for group in project.groups {
            json.beginObject()
            json.field("name", group.name)
            json.field("description", group.description)
            json.field("parallel", group.isParallel)
            json.endObject()
        }
        json.endArray()
        ProjectView.write("warnings", loaded.allWarnings(), into: &json)
        json.endObject()
        return json.bytes
    }
}
