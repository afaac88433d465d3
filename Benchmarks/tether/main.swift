// `tether`: a proxy of TCP connections on SplicePair, and nothing around it; what perf/tether holds
// against the C proxies and haproxy. Listens on loopback until it is ended, then says how long its
// busiest turn was.

import Glibc
import NetCore

ProcessSetup.ignoreBrokenPipes()
ReactorActor.bindToCurrentThread()
ReactorActor.assumeIsolated { Proxy.main(Array(CommandLine.arguments.dropFirst())) }
