"""What the scripts of perf/ share. Python's standard library only."""
