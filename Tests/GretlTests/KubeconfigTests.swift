// Kubeconfigs as people and strangers send them: every form that works, every form that must not,
// and texts that are none. What is refused is said without repeating what may be a credential.

import Gretl
import NetCore
import TestSupport
import Testing

@Suite struct KubeconfigTests {
    static let canary = "canary-5d2a91"
    static let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    static let key = "-----BEGIN PRIVATE KEY-----\n\(canary)\n-----END PRIVATE KEY-----\n"

    /// One context of everything; the members of cluster and user are given as YAML in braces.
    static func text(
        cluster: String = "", user: String = "token: \(canary)", server: String = "https://k:6443"
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - name: here
          context: {cluster: c, user: u, namespace: apps}
        clusters:
        - name: c
          cluster: {server: "\(server)"\(cluster.isEmpty ? "" : ", " + cluster)}
        users:
        - name: u
          user: {\(user)}
        """
    }

    private func entry(_ text: String, context: String? = nil) throws(APIError) -> KubeconfigEntry {
        try Kubeconfig(Array(text.utf8)).entry(context: context)
    }

    /// The refusal, which never holds the canary.
    private func refusal(_ text: String, context: String? = nil) -> APIError? {
        do throws(APIError) {
            _ = try entry(text, context: context).access()
            return nil
        } catch {
            #expect(error.code == .invalidKubeconfig && error.code.status == 400)
            #expect(!error.message.contains("canary") && !error.hint.contains("canary"))
            return error
        }
    }

    @Test func `Raw and base64, YAML and JSON are read alike`() throws {
        let yaml = Self.text()
        let json = """
            {"kind":"Config","current-context":"here","contexts":[{"name":"here","context":
            {"cluster":"c","user":"u","namespace":"apps"}}],"clusters":[{"name":"c","cluster":
            {"server":"https://k:6443/"}}],"users":[{"name":"u","user":{"token":"\(Self.canary)"}}]}
            """
        let encoded = [yaml, json].map { Base64.encode(Array($0.utf8)) }
        let wrapped = encoded[0].enumerated().map { index, character in
            index % 60 == 59 ? "\(character)\n" : "\(character)"
        }.joined()
        for text in [yaml, json, wrapped + "\n"] + encoded {
            let access = try entry(text).access()
            #expect(access.server == "https://k:6443")
            #expect(access.namespace == "apps")
            #expect(access.authorization?.reveal() == "Bearer \(Self.canary)")
        }
    }

    @Test func `Certificates, keys, names and passwords are taken from the text`() throws {
        let data = { (text: String) in Base64.encode(Array(text.utf8)) }
        let access = try entry(
            Self.text(
                cluster: "certificate-authority-data: \(data(Self.pem)), "
                    + "tls-server-name: kubernetes.default, certificate-authority: /ignored",
                user: "client-certificate-data: \(data(Self.pem)), "
                    + "client-key-data: \(data(Self.key)), username: me, password: 'p:w'")
        ).access()
        #expect(access.identity.authorities == Self.pem)
        #expect(access.identity.serverName == "kubernetes.default")
        #expect(access.identity.certificate == Self.pem)
        #expect(access.identity.key?.reveal() == Self.key)
        #expect(access.authorization?.reveal() == "Basic bWU6cDp3")
        #expect(!access.identity.isUnverified)
        #expect(!"\(access)".contains("canary"))
    }

    @Test func `A token of digits is text, and its line end is not part of it`() throws {
        let digits = try entry(Self.text(user: "token: 12345678")).access()
        #expect(digits.authorization?.reveal() == "Bearer 12345678")
        let line = try entry(Self.text(user: #"token: "abc\n""#)).access()
        #expect(line.authorization?.reveal() == "Bearer abc")
    }

    @Test(arguments: [
        ("user", "exec: {command: aws, apiVersion: client.authentication.k8s.io/v1}", "exec"),
        ("user", "token: x, exec: {command: aws}", "exec"),
        ("user", "auth-provider: {name: gcp}", "auth-provider"),
        ("user", "tokenFile: /etc/passwd", "tokenFile"),
        ("user", "client-certificate: /a, client-key-data: b", "client-certificate"),
        ("user", "client-key: /a", "client-key"),
        ("user", "token: x, as: admin", "as"),
        ("user", "token: x, as-groups: [a]", "as-groups"),
        ("user", "token: x, as-user-extra: {a: [b]}", "as-user-extra"),
        ("cluster", "certificate-authority: /etc/ca", "certificate-authority"),
        ("cluster", "insecure-skip-tls-verify: true", "insecure-skip-tls-verify"),
        ("cluster", "proxy-url: 'socks5://canary.example'", "proxy-url"),
    ])
    func `A form that runs, reads or trusts is refused by name with the way out`(
        _ place: String, _ members: String, _ named: String
    ) throws {
        let text = place == "user" ? Self.text(user: members) : Self.text(cluster: members)
        let error = try #require(refusal(text))
        #expect(error.message.contains("'\(named)'"), "\(error.message)")
        #expect(error.hint.contains("gr k8s clusters add --context NAME"), "\(error.hint)")
    }

    @Test(arguments: [
        "http://10.0.0.1:6443", "ftp://k", "k:6443", "https://u:p@k", "https://169.254.169.254",
        "https://[fe80::1]:6443", "https://k/?a=b", "https://k:99999", "",
        "https://k /", "file:///etc/passwd",
    ])
    func `A server that must not be asked is refused`(_ server: String) {
        #expect(refusal(Self.text(server: server)) != nil, "\(server)")
    }

    @Test(arguments: ["http://127.0.0.1:8001", "http://localhost:8001", "https://10.0.0.1/k8s/c/1"])
    func `A server on this machine, or behind a path, is taken`(_ server: String) throws {
        #expect(try entry(Self.text(server: server)).access().server == server)
    }

    @Test(arguments: [
        ("", "not an object"), ("just text: [", "line"), ("a: 1\na: 2", "second time"),
        ("a: &x [1]\nb: *x", "alias"), ("a: 1\n---\nb: 2", "document"), ("[]", "an array"),
        ("kind: Pod", "kind"), ("clusters: 7", "'clusters'"), ("clusters: [{a: 1}]", "no name"),
        ("clusters: [{name: a}, {name: a}]", "two entries"), ("kind: Config", "no contexts"),
        ("\u{0}\u{1}", ""), ("? [a]\n: b", "key"),
    ])
    func `A text that is no kubeconfig is refused with the reason`(_ text: String, _ words: String)
    {
        let error = refusal(text)
        #expect(error != nil, "\(text)")
        if let error { #expect(error.message.contains(words), "\(error.message)") }
    }

    @Test func `What is too large or too deep is refused before it costs anything`() {
        let large = "a: " + String(repeating: "x", count: KubernetesLimits.kubeconfigBytes)
        #expect(refusal(large)?.message.contains("512 KiB") == true)
        #expect(refusal("a: " + String(repeating: "[", count: 1_000)) != nil)
        #expect(refusal(String(repeating: "{a: ", count: 100)) != nil)
    }

    @Test func `The context that is named wins, then the current one, then the only one`() throws {
        let two = """
            contexts:
            - {name: a, context: {cluster: a}}
            - {name: b, context: {cluster: b}}
            clusters:
            - {name: a, cluster: {server: "https://a"}}
            - {name: b, cluster: {server: "https://b"}}
            """
        #expect(try entry(two, context: "b").access().server == "https://b")
        #expect(try entry(two + "\ncurrent-context: a").access().server == "https://a")
        let open = try #require(refusal(two))
        #expect(open.hint.contains("a, b"), "\(open.hint)")
        let missing = try #require(refusal(two, context: "c"))
        #expect(missing.message.contains("'c'") && missing.hint.contains("a, b"))
        let one = """
            contexts: [{name: a, context: {cluster: a}}]
            clusters: [{name: a, cluster: {server: "https://a"}}]
            """
        #expect(try entry(one).access().server == "https://a")
    }

    @Test(arguments: [
        "client-certificate-data: AAAA", "client-certificate-data: '%%%', client-key-data: AAAA",
        "token: \"a\\u0001b\"", "token: 'a b'",
    ])
    func `Broken credentials are refused without being repeated`(_ user: String) {
        #expect(refusal(Self.text(user: user)) != nil, "\(user)")
    }

    /// Whatever bytes come, there is an answer; bounded in count, and the same ones each time.
    @Test func `Damaged texts never trap`() {
        var random = SeededGenerator(seed: 7)
        let whole = Array(Self.text(cluster: "tls-server-name: a").utf8)
        for _ in 0..<3_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                } else {
                    bytes.removeSubrange(index..<min(bytes.count, index + 9))
                }
                if bytes.isEmpty { bytes = whole }
            }
            do throws(APIError) {
                _ = try Kubeconfig(bytes).entry(context: nil).access()
            } catch { #expect(error.code == .invalidKubeconfig) }
        }
    }

    @Test func `Base64 is decoded as it is encoded, and nothing else is`() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        }
        for text in ["A", "A===", "AA=A", "A?AA", "====", "AAAA="] {
            #expect(Base64.decode(text.utf8) == nil, "\(text)")
        }
        #expect(Base64.decode("_-8".utf8) == [0xFF, 0xEF])
    }

    @Test func `The provider is what shows itself, and else unknown`() {
        #expect(ClusterProvider.byVersion("v1.33.1-eks-abc") == "eks")
        #expect(ClusterProvider.byVersion("v1.33.1-gke.100") == "gke")
        #expect(ClusterProvider.byVersion("v1.33.1+k3s1") == "k3s")
        #expect(ClusterProvider.byVersion("v1.33.1") == nil)
        #expect(ClusterProvider.byNodes(["kind://docker/a/b", "aws:///x", "kind://c"]) == "kind")
        #expect(ClusterProvider.byNodes(["", "nonsense"]) == nil)
        var signs = ClusterProvider.Signs()
        signs.server = "https://ABC.gr7.eu-west-1.eks.amazonaws.com"
        #expect(ClusterProvider.byServer(signs) == "eks")
        signs.server = "https://eks.amazonaws.com.evil.example"
        #expect(ClusterProvider.byServer(signs) == nil)
        signs.plugin = "gke-gcloud-auth-plugin"
        #expect(ClusterProvider.byServer(signs) == "gke")
        signs.context = "kind-dev"
        #expect(ClusterProvider.byContext(signs) == "kind")
    }
}
