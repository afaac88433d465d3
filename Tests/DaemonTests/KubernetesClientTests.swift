// The Python client of Kubernetes, as it is on PyPI, judges the fake API server: what it does not
// take is wrong. Needs PyPI once.

import TestSupport
import Testing

@Suite struct KubernetesClientTests {
    /// Where its Python is; fetched on the first run in a build folder.
    private static let python = Result { () throws -> String in
        let folder = BuildProducts.directory + "/kubernetes-client"
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let made = try Program.run(
            ["\(root)/scripts/kubernetes-client", folder],
            environment: Program.inheritedEnvironment, seconds: 300)
        guard made.exit == 0 else { throw NotFetched(description: made.errors) }
        return folder + "/bin/python"
    }

    private struct NotFetched: Error, CustomStringConvertible { let description: String }

    private static let script = """
        import sys, threading, time
        from datetime import datetime, timezone
        from kubernetes import client, config, watch
        from kubernetes.stream import portforward

        config.load_kube_config(sys.argv[1])
        apps, core = client.AppsV1Api(), client.CoreV1Api()
        leases = client.CoordinationV1Api()

        found = apps.list_deployment_for_all_namespaces(limit=1)
        names = [item.metadata.name for item in found.items]
        while found.metadata._continue:
            found = apps.list_deployment_for_all_namespaces(
                limit=1, _continue=found.metadata._continue)
            names += [item.metadata.name for item in found.items]
        assert sorted(names) == ["jobs", "web"], names
        version = apps.list_namespaced_deployment("default").metadata.resource_version

        def scale():
            time.sleep(0.2)
            apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 2}})

        threading.Thread(target=scale).start()
        watcher, ready = watch.Watch(), 0
        for event in watcher.stream(
                apps.list_namespaced_deployment, "default", resource_version=version,
                timeout_seconds=30):
            assert event["type"] == "MODIFIED", event["type"]
            ready = event["object"].status.ready_replicas
            if ready == 2:
                watcher.stop()
        assert ready == 2
        assert apps.read_namespaced_deployment_scale("web", "default").spec.replicas == 2

        now = datetime.now(timezone.utc)
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name="mine"),
            spec=client.V1LeaseSpec(holder_identity="me", renew_time=now))
        made = leases.create_namespaced_lease("default", body)
        assert made.spec.renew_time == now, made.spec.renew_time
        try:
            leases.replace_namespaced_lease("mine", "default", client.V1Lease(
                metadata=client.V1ObjectMeta(name="mine", resource_version="1")))
            assert False, "an old version was taken"
        except client.ApiException as error:
            assert error.status == 409, error
        try:
            core.read_namespaced_pod("nobody", "default")
            assert False, "there is no such pod"
        except client.ApiException as error:
            assert error.status == 404, error

        pod = core.list_namespaced_pod("default", label_selector="app=web").items[0]
        def forward(port):
            return portforward(
                core.connect_get_namespaced_pod_portforward, pod.metadata.name, "default",
                ports=str(port))
        open_port = forward(8080)
        peer = open_port.socket(8080)
        peer.setblocking(True)
        peer.sendall(b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
        answer = b""
        while True:
            piece = peer.recv(65536)
            if not piece:
                break
            answer += piece
        assert answer.endswith(b"hello\\n"), answer
        assert open_port.error(8080) is None, open_port.error(8080)

        refused = forward(9)
        peer = refused.socket(9)
        peer.setblocking(True)
        assert peer.recv(1) == b""
        assert "refused" in refused.error(9), refused.error(9)
        """

    @Test(arguments: ["certificate", "token"])
    func `It lists, watches, scales, writes Leases and forwards ports`(kind: String) throws {
        let python = try Self.python.get()
        let cluster = try FakeClusterProcess()
        let backend = try ForwardBackend()
        try cluster.tell("port?pod=8080&to=\(backend.port)")
        for name in ["jobs", "web"] { try cluster.tell("workload?name=\(name)&replicas=1") }
        #expect(
            try eventually(within: 20_000) {
                try cluster.kubectl(
                    "get", "deployments", "web", "-o", "jsonpath={.status.readyReplicas}"
                ).output == "1"
            })
        let program = backend.folder.file("judge.py")
        TemporaryFolder.write(Self.script, to: program)
        let said = try Program.run([python, "-B", program, cluster.kubeconfig(kind)], seconds: 90)
        #expect(said.exit == 0, "\(said.output)\(said.errors)")
    }
}
