// Clusters on the command line: their list, registration, removal, and a sync that is asked for.
// Reads a kubeconfig that is named and sends it; of the user's own one only path and context are
// sent, and only to the socket in the home folder.

internal import NetCore

/// A cluster as GET /k8s/clusters gives it.
struct ListedCluster: Decodable, Sendable {
    let id: String
    let name: String
    let provider: String?
    let in_cluster: Bool?
    let created_at: String?
}

enum ClusterCommands {
    private struct Registered: Decodable {
        let id: String
        let name: String
        let provider: String?
        let missing_rights: [String]?
        let plugin: String?
    }

    private struct Synced: Decodable {
        let synced: Int
    }

    /// An API server may take its time, and a plugin too.
    private static let patience = Duration.seconds(120)

    static let clusters: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let words = context.invocation.arguments
        let own = ["kubeconfig", "context", "in-cluster", "provider"]
        guard words.first == "add" || !own.contains(where: context.invocation.has) else {
            throw .usage(
                "--kubeconfig, --context, --in-cluster and --provider are for 'add'",
                hint: "such as: gr k8s clusters add --context NAME")
        }
        switch words.first {
        case nil: return try list(context)
        case "add": return try add(words.count > 1 ? words[1] : nil, context)
        case "rm":
            guard words.count > 1 else {
                throw .usage("which one?", hint: "usage: gr k8s clusters rm CLUSTER")
            }
            return try remove(words[1], context)
        case .some(let word):
            throw .usage(
                "there is no '\(word)' of clusters",
                hint: Suggestion.hint(for: word, among: ["add", "rm"])
                    ?? "it is one of: add, rm; without a word they are listed")
        }
    }

    // MARK: List

    private static func list(_ context: CommandContext) throws(CommandFailure) -> ExitCode {
        let client = try context.client()
        let body = try client.call("GET", "/k8s/clusters")
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let clusters = try client.decode([ListedCluster].self, body)
        if context.isQuiet {
            for cluster in clusters { context.print(DisplayText.escaped(cluster.name)) }
        } else if clusters.isEmpty, context.style.isDecorated {
            context.print("no clusters yet; register one: gr k8s clusters add --context NAME")
        } else {
            var table = TableOutput(columns: [
                .init(title: "NAME"), .init(title: "PROVIDER"),
                .init(title: "REACHED", expendability: 2), .init(title: "ID", expendability: 1),
            ])
            for cluster in clusters {
                table.add([
                    .init(DisplayText.escaped(cluster.name)),
                    .init(DisplayText.escaped(cluster.provider ?? "-")),
                    .init(cluster.in_cluster == true ? "as a pod" : "by kubeconfig", .dim),
                    .init(cluster.id, .dim),
                ])
            }
            let text = table.text(context.style, within: context.io.columns)
            context.io.writeOutput(Array(text.utf8))
        }
        return .success
    }

    /// The registered ones that a word means; all of them without one.
    static func find(
        _ word: String?, _ client: DaemonClient
    ) throws(CommandFailure) -> [ListedCluster] {
        let all = try client.decode(
            [ListedCluster].self, try client.call("GET", "/k8s/clusters"))
        guard let word else { return all }
        guard let found = all.first(where: { $0.name == word || $0.id == word }) else {
            throw CommandFailure(
                exit: .unknownService, code: "unknown_cluster",
                message: "no cluster is registered under the name '\(word)'",
                hint: Suggestion.hint(for: word, among: all.map(\.name))
                    ?? "run 'gr k8s clusters' for the registered ones")
        }
        return [found]
    }

    // MARK: Add

    private static func add(
        _ name: String?, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let given = context.invocation
        let file = given.value("kubeconfig")
        let named = given.value("context")
        let isPod = given.has("in-cluster")
        guard file != nil || named != nil || isPod else {
            throw .usage(
                "say how it is reached: --kubeconfig FILE, --context NAME or --in-cluster",
                hint: "see: gr help k8s clusters")
        }
        guard !isPod || (file == nil && named == nil) else {
            throw .usage(
                "--in-cluster stands alone: a pod reaches its cluster by its service account")
        }
        guard let name = name ?? named ?? (isPod ? "in-cluster" : nil) else {
            throw .usage("which name shall it have?", hint: "gr k8s clusters add NAME ...")
        }
        var json = JSONText()
        json.beginObject()
        json.field("name", name)
        if let provider = given.value("provider") { json.field("provider", provider) }
        if isPod { json.field("in_cluster", true) }
        if let named { json.field("context", named) }
        if let file {
            json.key("kubeconfig")
            json.string(decoding: try contents(of: file, context))
        } else if named != nil {
            try OwnKubeconfig.write(into: &json, context)
        }
        json.endObject()
        let client = try context.client()
        let body = try client.call("POST", "/k8s/clusters", body: json.bytes, within: patience)
        if context.isJSON {
            context.printJSON(body)
            return .success
        }
        let made = try client.decode(Registered.self, body)
        let provider = made.provider.map { $0 == "unknown" ? "" : ", \($0)" } ?? ""
        context.say(DisplayText.escaped("registered \(made.name)\(provider)"))
        if let plugin = made.plugin {
            context.say(DisplayText.escaped("its tokens come from: \(plugin)"))
        }
        if let missing = made.missing_rights, !missing.isEmpty {
            context.warn(
                "warning: its user may not \(missing.joined(separator: ", ")); what needs that "
                    + "will fail: docs/operations.md lists the rights")
        }
        return .success
    }

    private static func contents(
        of path: String, _ context: CommandContext
    ) throws(CommandFailure) -> [UInt8] {
        let path = try context.absolute(path)
        let most = KubernetesLimits.kubeconfigBytes
        guard let bytes = Terminal.contents(of: path, most: most + 1) else {
            throw CommandFailure(
                exit: .failure, code: "unreadable_file", message: "\(path) cannot be read",
                hint: "is it there, and yours?")
        }
        guard bytes.count <= most else {
            throw CommandFailure(
                exit: .failure, code: "unreadable_file",
                message: "\(path) is larger than \(most >> 10) KiB",
                hint: "kubectl config view --raw --flatten --minify prints one context only")
        }
        return bytes
    }

    // MARK: rm, sync

    private static func remove(
        _ word: String, _ context: CommandContext
    ) throws(CommandFailure) -> ExitCode {
        let client = try context.client()
        for cluster in try find(word, client) {
            let target = "/k8s/clusters/\(DaemonClient.percentEncoded(cluster.id))"
            let body = try client.call("DELETE", target)
            if context.isJSON { context.printJSON(body) }
            context.say(
                DisplayText.escaped("forgot \(cluster.name); nothing was changed in it"))
        }
        return .success
    }

    static let sync: @Sendable (CommandContext) throws(CommandFailure) -> ExitCode = {
        (context) throws(CommandFailure) in
        let client = try context.client()
        let clusters = try find(context.invocation.arguments.first, client)
        if clusters.isEmpty {
            context.say("no clusters yet; register one: gr k8s clusters add --context NAME")
        }
        var codes: [ExitCode] = []
        for cluster in clusters {
            do throws(CommandFailure) {
                let target = "/k8s/clusters/\(DaemonClient.percentEncoded(cluster.id))/sync"
                let body = try client.call("POST", target, within: .seconds(600))
                if context.isJSON { context.printJSON(body) }
                let count = try client.decode(Synced.self, body).synced
                context.say(
                    DisplayText.escaped(
                        "\(cluster.name): \(count) workload\(count == 1 ? "" : "s")"))
                codes.append(.success)
            } catch {
                context.report(error)
                codes.append(error.exit)
                if error.exit == .unreachable { break }
            }
        }
        return codes.isEmpty ? .success : ExitCode(combining: codes)
    }
}

/// The user's own kubeconfig, as a reference to where it lies.
enum OwnKubeconfig {
    static func write(
        into json: inout JSONText, _ context: CommandContext
    ) throws(CommandFailure) {
        var paths: [String] = []
        if let list = context.environment["KUBECONFIG"], !list.isEmpty {
            for path in list.split(separator: ":") {
                paths.append(try context.absolute(String(path)))
            }
        } else if let home = context.environment["HOME"], home.hasPrefix("/") {
            paths.append("\(home)/.kube/config")
        }
        guard !paths.isEmpty else {
            throw .usage("neither KUBECONFIG nor HOME is set", hint: "say --kubeconfig FILE")
        }
        json.field("kubeconfig_paths", paths)
        json.key("environment")
        json.beginObject()
        for name in KubeconfigReference.variables.sorted() {
            guard let value = context.environment[name], !value.isEmpty else { continue }
            json.key(text: name)
            json.string(value)
        }
        json.endObject()
    }
}
