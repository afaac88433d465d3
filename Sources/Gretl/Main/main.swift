internal import Gretl
import Glibc

exit(Daemon.main(Array(CommandLine.arguments.dropFirst(2))))
