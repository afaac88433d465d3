"""What the scripts of perf/ share. Python's standard library only.

Importing it turns SIGTERM into an ordinary exit, so that every `with` ends the servers it started.
"""

import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
