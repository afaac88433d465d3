// `bench`: runs one benchmark in this process and prints one line about it. Started by perf/gate,
// and by hand under perf or callgrind. The work runs on the reactor's thread, which is this one.

import NetCore

ReactorActor.bindToCurrentThread()
let code = ReactorActor.assumeIsolated { runCommandLine(Array(CommandLine.arguments.dropFirst())) }
exitProcess(code)
