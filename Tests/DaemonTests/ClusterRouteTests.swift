// Registering clusters with a real daemon: what is stored, what is refused, what is said of rights,
// and that no credential comes out again anywhere.

import TestSupport
import Testing

@Suite struct ClusterRouteTests {
    static let canary = "canary-kube-41c7"
    static let token = "0123456789abcdef"
    static let right = ["Authorization: Bearer \(token)"]

    static func daemon(_ environment: [String] = []) throws -> DaemonProcess {
        try DaemonProcess(
            configuration: "[log]\nlevel = \"debug\"\n",
            environment: ["GR_TOKEN=\(token)"] + environment)
    }

    /// A JSON text of a string.
    static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"" + escaped.replacing("\n", with: "\\n") + "\""
    }

    static func body(_ name: String, _ kubeconfig: String, _ more: String = "") -> String {
        "{\"name\":\(quoted(name)),\"kubeconfig\":\(quoted(kubeconfig))\(more)}"
    }

    @Test func `A cluster is registered, listed, kept over a restart and forgotten`() throws {
        let server = try InventedServer(version: "v1.33.1-eks-1a")
        let daemon = try Self.daemon()
        let made = try daemon.ask(
            "POST", "/k8s/clusters", Self.body("prod", server.kubeconfig()), Self.right)
        #expect(made.status == 201, "\(made.text)")
        let id = try #require(made.json["id"].text)
        #expect(made.json["name"].text == "prod" && made.json["provider"].text == "eks")
        #expect(made.json["in_cluster"] == .bool(false))
        #expect(made.json["created_at"].text?.hasSuffix("Z") == true)
        #expect(made.json["missing_rights"] == .array([]))
        #expect(server.requests.contains("GET /version Bearer \(Self.canary)\n"))
        let again = try daemon.ask(
            "POST", "/k8s/clusters", Self.body("prod", server.kubeconfig()), Self.right)
        #expect(again.status == 409 && again.code == "name_taken")
        try daemon.restart()
        let list = try daemon.ask("GET", "/k8s/clusters", nil, Self.right)
        #expect(list.json.items.count == 1 && list.json[0]["id"].text == id)
        let one = try daemon.ask("GET", "/k8s/clusters/\(id)", nil, Self.right)
        #expect(one.json == list.json[0])
        let gone = try daemon.ask("DELETE", "/k8s/clusters/\(id)", nil, Self.right)
        #expect(gone.status == 200 && gone.json["ok"] == .bool(true))
        let unknown = try daemon.ask("GET", "/k8s/clusters/\(id)", nil, Self.right)
        #expect(unknown.status == 404 && unknown.code == "unknown_cluster")
        try daemon.restart()
        #expect(try daemon.ask("GET", "/k8s/clusters", nil, Self.right).json == .array([]))
    }

    @Test func `Rights that are missing are named, and a provider that is given stands`() throws {
        let server = try InventedServer(denied: ["patch", "create"])
        let daemon = try Self.daemon()
        let made = try daemon.ask(
            "POST", "/k8s/clusters",
            Self.body("a", server.kubeconfig(), ",\"provider\":\"home\""), Self.right)
        #expect(made.status == 201 && made.json["provider"].text == "home", "\(made.text)")
        #expect(
            made.json["missing_rights"].items.compactMap(\.text) == [
                "patch deployments.apps", "patch statefulsets.apps", "create pods/portforward",
                "create leases.coordination.k8s.io",
            ])
    }

    @Test func `What cannot be reached or says no is not stored`() throws {
        let server = try InventedServer(token: "Bearer another one")
        let daemon = try Self.daemon()
        let refused = try daemon.ask(
            "POST", "/k8s/clusters", Self.body("a", server.kubeconfig()), Self.right)
        #expect(refused.status == 502 && refused.code == "cluster_refused", "\(refused.text)")
        #expect(refused.message.contains("401") && refused.hint.contains("credentials"))
        let port = ServiceFixture.freePort()
        let nobody = server.kubeconfig().replacing(server.url, with: "https://127.0.0.1:\(port)")
        let silent = try daemon.ask("POST", "/k8s/clusters", Self.body("a", nobody), Self.right)
        #expect(silent.status == 502 && silent.code == "cluster_unreachable", "\(silent.text)")
        #expect(silent.message.contains("'a'") && !silent.hint.isEmpty)
        let pod = try daemon.ask(
            "POST", "/k8s/clusters", #"{"name":"a","in_cluster":true}"#, Self.right)
        #expect(pod.status == 400 && pod.code == "invalid_kubeconfig", "\(pod.text)")
        #expect(pod.message.contains("KUBERNETES_SERVICE_HOST"))
        #expect(try daemon.ask("GET", "/k8s/clusters", nil, Self.right).json == .array([]))
    }

    @Test(arguments: [
        (#"{}"#, "'name'"), (#"{"name":"a"}"#, "'kubeconfig'"), (#"{"name":7}"#, "'name'"),
        (#"{"name":"","in_cluster":true}"#, "'name'"),
        (#"{"name":"a","in_cluster":"yes"}"#, "'in_cluster'"),
        (#"{"name":"a","in_cluster":true,"kubeconfig":"x: y"}"#, "exclude"),
        (#"{"name":"a","kubeconfig":7}"#, "'kubeconfig'"),
        (#"{"name":"a","kubeconfig":"x: y","provider":7}"#, "'provider'"),
        (#"{"name":"a\u001b[2J","in_cluster":true}"#, "'name'"),
    ])
    func `A body of the wrong shape is refused with its field`(
        _ body: String, _ words: String
    ) throws {
        let daemon = try Self.daemon()
        let answer = try daemon.ask("POST", "/k8s/clusters", body, Self.right)
        #expect(answer.status == 400 && answer.code == "invalid_spec", "\(answer.text)")
        #expect(answer.message.contains(words), "\(answer.message)")
    }

    @Test func `No credential comes out of the daemon again`() throws {
        let server = try InventedServer()
        let daemon = try Self.daemon()
        var said = ""
        let users = [
            "token: \(Self.canary)", "username: me, password: \(Self.canary)",
            "token: \(Self.canary), exec: {command: \(Self.canary)}",
            "token: '\(Self.canary) '", "client-key-data: \(Self.canary)",
            "client-certificate-data: \(Self.canary), client-key-data: \(Self.canary)",
            "tokenFile: /\(Self.canary)", "token: \"\(Self.canary)\\u0001\"",
            "token: \(Self.canary), token: \(Self.canary)", "token: [\(Self.canary)",
        ]
        for (index, user) in users.enumerated() {
            let kubeconfig = server.kubeconfig(user: user)
            for text in [kubeconfig, kubeconfig.replacing(server.url, with: "https://127.0.0.1:1")]
            {
                said += try daemon.ask(
                    "POST", "/k8s/clusters", Self.body("c\(index)", text), Self.right
                ).text
            }
        }
        said += try daemon.ask("GET", "/k8s/clusters", nil, Self.right).text
        said += try daemon.ask("GET", "/v1/daemon/stats").text
        server.want("nothing that is known")
        try daemon.restart()
        _ = eventually { server.requests.contains("/apis/apps/v1/deployments") }
        daemon.stop()
        said += daemon.standardError
        #expect(said.contains("invalid_kubeconfig") && said.contains("\"id\""))
        #expect(!said.contains("canary"), "\(said)")
        #expect(!said.contains(Self.token))
        let files = ProcessTable.folderNames(daemon.home).filter { !$0.hasPrefix("state.db") }
        for file in files {
            #expect(TextFile.read(daemon.file(file))?.contains("canary") != true, "\(file)")
        }
        #expect(TemporaryFolder.mode(daemon.file("state.db")) == 0o600)
    }

    @Test func `A pod's token is read anew after a 401, and its authority alone is trusted`() throws
    {
        let folder = TemporaryFolder()
        let server = try InventedServer(token: "Bearer first", speaksTLS: true)
        let daemon = try Self.daemon([
            "KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=\(server.port)",
            "GR_SERVICE_ACCOUNT_FOLDER=\(folder.path)",
        ])
        let body = #"{"name":"me","in_cluster":true}"#
        TemporaryFolder.write("first\n", to: folder.file("token"))
        TemporaryFolder.write("gretl", to: folder.file("namespace"))
        let without = try daemon.ask("POST", "/k8s/clusters", body, Self.right)
        #expect(without.status == 400 && without.message.contains("ca.crt"), "\(without.text)")
        let stranger = try InventedServer(speaksTLS: true)
        TemporaryFolder.write(stranger.certificate, to: folder.file("ca.crt"))
        let foreign = try daemon.ask("POST", "/k8s/clusters", body, Self.right)
        #expect(foreign.status == 502 && foreign.code == "cluster_unreachable", "\(foreign.text)")
        #expect(foreign.message.contains("TLS"), "\(foreign.message)")
        #expect(server.requests == "")
        TemporaryFolder.write(server.certificate, to: folder.file("ca.crt"))
        // What was read is kept for 50 seconds, but not for another registration.
        let made = try daemon.ask("POST", "/k8s/clusters", body, Self.right)
        #expect(made.status == 201 && made.json["in_cluster"] == .bool(true), "\(made.text)")
        let id = try #require(made.json["id"].text)
        TemporaryFolder.write("second", to: folder.file("token"))
        server.want("Bearer second")
        let synced = try daemon.ask("POST", "/k8s/clusters/\(id)/sync", nil, Self.right)
        #expect(synced.status == 200, "\(synced.text)")
        #expect(server.requests.contains("Bearer second"))
        #expect(!daemon.standardError.contains("Bearer"))
    }

    @Test func `A posted authority is trusted for that cluster, and nobody else's is`() throws {
        let server = try InventedServer(speaksTLS: true)
        let stranger = try InventedServer(speaksTLS: true)
        let daemon = try Self.daemon()
        func register(_ name: String, _ certificate: String) throws -> WireAnswer {
            let encoded = try Program.run(
                ["sh", "-c", "printf %s \"$0\" | base64 -w0", certificate]
            ).output
            let kubeconfig = server.kubeconfig().replacing(
                "server: \"\(server.url)\"",
                with: "server: \"\(server.url)\", certificate-authority-data: \(encoded)")
            return try daemon.ask(
                "POST", "/k8s/clusters", Self.body(name, kubeconfig), Self.right)
        }
        #expect(try register("a", server.certificate).status == 201)
        let other = try register("b", stranger.certificate)
        #expect(other.status == 502 && other.message.contains("TLS"), "\(other.text)")
        let none = try daemon.ask(
            "POST", "/k8s/clusters", Self.body("c", server.kubeconfig()), Self.right)
        #expect(none.status == 502 && none.code == "cluster_unreachable", "\(none.text)")
    }
}
