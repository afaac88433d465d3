// The owner's own kubeconfig where it lies: its paths and a context, stored instead of what it
// holds, and read anew whenever credentials are. The files must be the owner's, since they name
// programs that are run. Taken at the socket in the home folder only, where no page gets to.

import NetCore

/// Where somebody's own kubeconfig is, and which of its contexts is meant.
package struct KubeconfigReference: Sendable, Equatable {
    /// Absolute; as in KUBECONFIG the first one that has an entry counts.
    package var paths: [String]
    package var context: String
    /// Settings of the plugin, as the owner's shell had them.
    package var environment: [String: String]

    /// What may be in `environment`: names of settings, no secrets.
    package static let variables: Set<String> = [
        "PATH", "HOME", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "CLOUDSDK_CONFIG",
        "CLOUDSDK_ACTIVE_CONFIG_NAME", "CLOUDSDK_PYTHON", "GOOGLE_APPLICATION_CREDENTIALS",
        "USE_GKE_GCLOUD_AUTH_PLUGIN", "AZURE_CONFIG_DIR", "AAD_LOGIN_METHOD",
    ]
    private static let pathsMost = 16
    private static let textMost = 4_096

    package init(
        paths: [String], context: String, environment: [String: String]
    ) throws(APIError) {
        guard (1...KubeconfigReference.pathsMost).contains(paths.count),
            paths.allSatisfy(KubeconfigReference.isPath)
        else {
            throw .invalid(
                "'kubeconfig_paths' are no 1 to \(KubeconfigReference.pathsMost) absolute paths",
                hint: "such as [\"/home/me/.kube/config\"]")
        }
        guard
            environment.allSatisfy({ name, value in
                KubeconfigReference.variables.contains(name) && !value.utf8.contains(0)
                    && value.utf8.count <= KubeconfigReference.textMost
            })
        else {
            throw .invalid(
                "'environment' has a variable that is not taken",
                hint:
                    "it may have: \(KubeconfigReference.variables.sorted().joined(separator: ", "))"
            )
        }
        self.paths = paths
        self.context = context
        self.environment = environment
    }

    private static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= textMost && !text.utf8.contains(0)
    }

    // MARK: Reading

    /// What the files say now.
    struct Reading: Sendable {
        var direct: DirectAccess
        var plugin: PluginSpec?
    }

    /// Blocking calls, and milliseconds of work: for the storage thread.
    func read() throws(APIError) -> Reading {
        var merged: Kubeconfig?
        for path in paths {
            let found: ConfigurationFile?
            do throws(FileError) {
                found = try ConfigurationFile.read(path, limit: KubernetesLimits.kubeconfigBytes)
            } catch { throw .kubeconfig("\(path): \(error.message)", hint: "see 'ls -l \(path)'") }
            guard let found else { continue }
            let folder = PrivateFile.split(path).folder
            let one = try Kubeconfig(found.bytes, folder: folder)
            merged = merged.map { $0.merged(with: one) } ?? one
        }
        guard let merged else {
            throw .kubeconfig(
                "none of its files is there: \(paths.joined(separator: ", "))",
                hint: "set KUBECONFIG to where it is, or say --kubeconfig FILE")
        }
        let entry = try merged.entry(context: context)
        let direct = try entry.access { (path) throws(APIError) in
            let bytes: [UInt8]?
            do throws(FileError) {
                bytes = try ProjectFile.contents(
                    of: path, limit: KubernetesLimits.kubeconfigBytes, isToRun: false)
            } catch { throw .kubeconfig("\(path): \(error.message)") }
            guard let bytes else { throw .kubeconfig("\(path), which it names, is not there") }
            return bytes
        }
        guard let plugin = entry.plugin else { return Reading(direct: direct, plugin: nil) }
        return Reading(
            direct: direct, plugin: try PluginSpec(plugin, searching: environment["PATH"] ?? ""))
    }

    // MARK: Storing

    func write(into json: inout JSONText) {
        json.field("paths", paths)
        json.field("context", context)
        json.key("environment")
        json.beginObject()
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            json.key(text: name)
            json.string(value)
        }
        json.endObject()
    }

    /// What `write` wrote, or a request asks for.
    init(paths: JSONValue?, context: String, environment: JSONValue?) throws(APIError) {
        try self.init(
            paths: (paths?.elements ?? []).map { $0.text ?? "" }, context: context,
            environment: (environment?.members ?? [:]).mapValues { $0.text ?? "" })
    }
}
