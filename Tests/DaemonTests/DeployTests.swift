// The manifests of deploy/ as kubectl and the daemon see them: they are objects a cluster takes,
// their rights are those the daemon asks for, and the settings want a token.

import TestSupport
import Testing

@Suite struct DeployTests {
    private static var folder: String {
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/deploy"
    }

    private func rules(_ object: JSONValue) -> [String] {
        object["rules"].items.flatMap { rule in
            rule["apiGroups"].items.flatMap { group in
                rule["resources"].items.flatMap { resource in
                    rule["verbs"].items.map { verb in
                        let tail = group.text.flatMap { $0.isEmpty ? nil : ".\($0)" } ?? ""
                        return "\(verb.text ?? "") \(resource.text ?? "")\(tail)"
                    }
                }
            }
        }
    }

    @Test func `A cluster takes the manifests, and their rights are the ones that are asked for`()
        throws
    {
        let cluster = try FakeClusterProcess()
        let said = try cluster.kubectl(
            "apply", "--dry-run=client", "--validate=false", "-f", Self.folder + "/gretl.yaml",
            "-o", "json")
        try #require(said.exit == 0, "\(said.errors)")
        let objects = try #require(JSONValue(Array(said.output.utf8)))["items"].items
        let kinds = objects.compactMap { $0["kind"].text }
        #expect(
            kinds == [
                "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role",
                "RoleBinding", "Service", "PersistentVolumeClaim", "Deployment",
            ])
        let given = Set(objects.flatMap(rules))
        let useful: Set = ["list services", "list nodes"]
        #expect(given.isSuperset(of: useful))
        // The daemon names what it misses: everything, where it may do nothing.
        for right in given where !useful.contains(right) {
            let plain = right.split(separator: ".")[0].replacing(" ", with: "%20")
            try cluster.tell("deny?right=\(plain)")
        }
        let daemon = try ClusterRouteTests.daemon()
        let kubeconfig = try #require(TextFile.read(cluster.kubeconfig()))
        let made = try daemon.ask(
            "POST", "/k8s/clusters", ClusterRouteTests.body("c", kubeconfig),
            ClusterRouteTests.right)
        #expect(made.status == 201, "\(made.text)")
        let missing = made.json["missing_rights"].items.compactMap(\.text)
        #expect(Set(missing) == given.subtracting(useful))
    }

    @Test func `The settings are taken once they have a token, and not before`() throws {
        let settings = try #require(TextFile.read(Self.folder + "/config.toml"))
        let error = #expect(throws: DaemonProcessError.self) {
            try DaemonProcess(configuration: settings)
        }
        guard case .notListening(_, let said)? = error else { return }
        #expect(said.contains("auth.token"), "\(said)")
        let token = "0123456789abcdef0123456789abcdef"
        let daemon = try DaemonProcess(
            configuration: settings.replacing("token = \"\"", with: "token = \"\(token)\""))
        #expect(try daemon.ask("GET", "/health").status == 401)
        let answer = try daemon.ask("GET", "/health", nil, ["Authorization: Bearer \(token)"])
        #expect(answer.status == 200)
    }
}
