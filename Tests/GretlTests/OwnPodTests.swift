// How a daemon that runs in a cluster knows which workload it is.

import Gretl
import Testing

@Suite struct OwnPodTests {
    private func pod(_ name: String, namespace: String? = "gretl") throws -> OwnPod {
        var environment = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAME": name]
        environment["POD_NAMESPACE"] = namespace
        return try #require(OwnPod(environment))
    }

    @Test func `The downward API goes before the host name, and outside a cluster there is none`() {
        let inside = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "host"]
        #expect(OwnPod(inside)?.name == "host")
        #expect(OwnPod(inside)?.namespace == nil)
        let told = inside.merging(["POD_NAME": "web-0", "POD_NAMESPACE": "a"]) { $1 }
        #expect(OwnPod(told)?.name == "web-0" && OwnPod(told)?.namespace == "a")
        #expect(OwnPod(["HOSTNAME": "host", "POD_NAME": "web-0"]) == nil)
        #expect(OwnPod(["KUBERNETES_SERVICE_HOST": "", "POD_NAME": "web-0"]) == nil)
        #expect(OwnPod(["KUBERNETES_SERVICE_HOST": "10.0.0.1"]) == nil)
    }

    @Test(arguments: [
        ("gretl-7d4b9c6f5d-x2x9z", Workload.Kind.deployment, "gretl", true),
        ("gretl-7d4b9c6f5d-x2x9z", .deployment, "gretl-7d4b9c6f5d", false),
        ("gretl-7d4b9c6f5d-x2x9z", .deployment, "gret", false),
        ("gretl-7d4b9c6f5d-x2x9z", .statefulSet, "gretl-7d4b9c6f5d", false),
        ("my-gretl-7d4b9c6f5d-x2x9z", .deployment, "gretl", false),
        ("my-gretl-7d4b9c6f5d-x2x9z", .deployment, "my-gretl", true),
        ("gretl-0", .statefulSet, "gretl", true),
        ("gretl-0", .deployment, "gretl", false),
        ("gretl-x", .statefulSet, "gretl", false),
        ("gretl", .statefulSet, "", false),
        ("--", .deployment, "", true),
    ])
    func `A pod's name tells who made it`(
        name: String, kind: Workload.Kind, workload: String, isOurs: Bool
    ) throws {
        let pod = try pod(name)
        #expect(pod.isMade(by: kind, workload, in: "gretl", ownNamespace: "other") == isOurs)
        #expect(!pod.isMade(by: kind, workload, in: "other", ownNamespace: "other"))
    }

    @Test func `Without a namespace of its own it is that of the service account`() throws {
        let pod = try pod("gretl-0", namespace: nil)
        #expect(pod.isMade(by: .statefulSet, "gretl", in: "a", ownNamespace: "a"))
        #expect(!pod.isMade(by: .statefulSet, "gretl", in: "b", ownNamespace: "a"))
    }

    @Test func `A name that was cut spares whatever begins like it`() throws {
        let long = String(repeating: "a", count: 62)
        let cut = try pod(String(repeating: "a", count: 58) + "x2x9z")
        #expect(cut.isMade(by: .deployment, long, in: "gretl", ownNamespace: "gretl"))
        let partly = try pod(String(repeating: "b", count: 50) + "-7d4b9c6" + "x2x9z")
        let name = String(repeating: "b", count: 50)
        #expect(partly.isMade(by: .deployment, name, in: "gretl", ownNamespace: "gretl"))
        #expect(!partly.isMade(by: .deployment, "web", in: "gretl", ownNamespace: "gretl"))
    }
}
