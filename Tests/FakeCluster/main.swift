// `fake-cluster FOLDER`: a fake Kubernetes API server on free ports of loopback, for tests of ours
// and for kubectl and the Python client. Writes its kubeconfigs to FOLDER, prints "ready PORT
// CONTROL-PORT" and serves until it is killed or whoever started it is gone.

import Glibc
import Gretl
import NetCore

guard Swift.CommandLine.arguments.count == 2 else {
    ProcessFacts.printError("usage: fake-cluster FOLDER")
    exit(2)
}
signal(SIGPIPE, SIG_IGN)
ReactorActor.bindToCurrentThread()
do {
    try ReactorActor.assumeIsolated { try FakeCluster.run(in: Swift.CommandLine.arguments[1]) }
} catch {
    ProcessFacts.printError("fake-cluster: \(error)")
    exit(1)
}
