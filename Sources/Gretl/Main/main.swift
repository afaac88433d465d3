// The executable `gr`: hands its words to the command line and ends with the code it answers.
// `gr serve` is the daemon; every other command is a client of its API.

import Glibc
import Gretl

exit(Gretl.CommandLine.main(serve: { Daemon.main($0) }))
