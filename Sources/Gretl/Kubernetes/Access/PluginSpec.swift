// A credential plugin: the program a kubeconfig names under `exec`, and what it prints, an
// ExecCredential. Values only; PluginRunner runs it. No error repeats what it printed.

import NetCore

/// How a plugin is run.
struct PluginSpec: Sendable, Equatable {
    /// Absolute.
    var path: String
    var arguments: [String]
    var environment: [String: String]
    /// What it must answer with.
    var version: String
    var wantsCluster: Bool
    var installHint: String?

    private static let versions: Set<String> = [
        "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1",
    ]
    private static let wordsMost = 256

    /// Reads `exec` and looks its program up in `path`. Blocking calls.
    init(_ exec: JSONValue, searching path: String) throws(APIError) {
        guard let command = exec["command"]?.text, !command.isEmpty, !command.utf8.contains(0)
        else { throw .kubeconfig("'exec' of its user has no command") }
        guard let version = exec["apiVersion"]?.text, PluginSpec.versions.contains(version) else {
            throw .kubeconfig(
                "'exec' of its user has an apiVersion that is not known here",
                hint: "it is one of: \(PluginSpec.versions.sorted().joined(separator: ", "))")
        }
        guard exec["interactiveMode"]?.text != "Always" else {
            throw .kubeconfig("'exec' of its user needs a terminal, and a daemon has none")
        }
        self.version = version
        installHint = exec["installHint"]?.text.map { ClusterFailure.clean($0) }
        wantsCluster = exec["provideClusterInfo"] == .bool(true)
        arguments = try PluginSpec.words(exec["args"])
        environment = [:]
        for item in exec["env"]?.elements ?? [] {
            guard let name = item["name"]?.text, let value = item["value"]?.text, !name.isEmpty,
                !name.contains("="), !(name + value).utf8.contains(0),
                environment.count < PluginSpec.wordsMost
            else { throw .kubeconfig("'exec' of its user has a variable without name or value") }
            environment[name] = value
        }
        guard let found = PluginSpec.find(command, in: path) else {
            let name = ClusterFailure.clean(command, most: 200)
            throw .kubeconfig(
                "the plugin '\(name)' of its user is not there",
                hint: installHint ?? "install it, or see that it is in the PATH of your shell")
        }
        self.path = found
    }

    private static func words(_ value: JSONValue?) throws(APIError) -> [String] {
        var words: [String] = []
        for item in value?.elements ?? [] {
            guard let word = item.text, !word.utf8.contains(0), words.count < wordsMost else {
                throw .kubeconfig("'args' of 'exec' are no texts")
            }
            words.append(word)
        }
        return words
    }

    private static func find(_ command: String, in path: String) -> String? {
        if command.contains("/") {
            return command.hasPrefix("/") && ProcessFacts.isExecutable(command) ? command : nil
        }
        for folder in path.split(separator: ":").prefix(wordsMost) where folder.hasPrefix("/") {
            let candidate = "\(folder)/\(command)"
            if ProcessFacts.isExecutable(candidate) { return candidate }
        }
        return nil
    }

    /// What it reads from KUBERNETES_EXEC_INFO.
    func question(_ direct: DirectAccess) -> String {
        var json = JSONText()
        json.beginObject()
        json.field("apiVersion", version)
        json.field("kind", "ExecCredential")
        json.key("spec")
        json.beginObject()
        json.field("interactive", false)
        if wantsCluster {
            json.key("cluster")
            json.beginObject()
            json.field("server", direct.server)
            if let name = direct.identity.serverName { json.field("tls-server-name", name) }
            if direct.identity.isUnverified { json.field("insecure-skip-tls-verify", true) }
            if let text = direct.identity.authorities {
                json.field("certificate-authority-data", Base64.encode(Array(text.utf8)))
            }
            json.endObject()
        }
        json.endObject()
        json.endObject()
        return json.text
    }

    /// What a plugin gave.
    struct Credential: Sendable {
        var authorization: Secret?
        var certificate: String?
        var key: Secret?
        /// Milliseconds since 1970.
        var expiresAt: Int64?
    }

    /// Reads what it printed.
    func credential(_ output: [UInt8]) throws(APIError) -> Credential {
        guard let root = try? JSONValue.object(output), root["kind"]?.text == "ExecCredential"
        else { throw failed("it printed no ExecCredential") }
        guard root["apiVersion"]?.text == version else {
            throw failed("it answered in another apiVersion than the kubeconfig says")
        }
        let status = root["status"]
        var credential = Credential()
        if let token = status?["token"]?.text, !token.isEmpty {
            do throws(APIError) {
                credential.authorization = try KubeconfigEntry.bearer(Array(token.utf8))
            } catch { throw failed("its token has characters that no token has") }
        }
        credential.certificate = status?["clientCertificateData"]?.text
        credential.key = status?["clientKeyData"]?.text.map { Secret($0) }
        guard (credential.certificate == nil) == (credential.key == nil) else {
            throw failed("it gave a certificate or a key without the other")
        }
        guard credential.authorization != nil || credential.certificate != nil else {
            throw failed("it gave neither a token nor a certificate")
        }
        if let text = status?["expirationTimestamp"]?.text {
            credential.expiresAt = Timestamp.milliseconds(text)
        }
        return credential
    }

    func failed(_ reason: String, said: String = "") -> APIError {
        let tail = said.isEmpty ? "" : "; it said: \(said)"
        return APIError(
            .clusterUnreachable, "the plugin \(path) gave no credentials: \(reason)\(tail)",
            hint: "run it in your shell, or 'kubectl get --raw /readyz'; you may have to log in")
    }
}
