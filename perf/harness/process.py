"""Reads what the kernel knows about a process: CPU time, memory, threads, switches.

All figures come from /proc of a process we started. A task that ends between the listing and the
read counts as nothing; no other failure is hidden.
"""

import os


def tasks(pid):
    return [int(task) for task in os.listdir(f"/proc/{pid}/task")]


def cpu_nanoseconds(pid):
    """On-CPU time of all tasks, first field of schedstat.

    The kernel adds a running task's slice at its next tick only, so read this while the server
    waits: the load generator's gate sees to that.
    """
    total = 0
    for task in tasks(pid):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            continue
    return total


def status(pid):
    """The fields of /proc/PID/status as text, units included."""
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def memory_kilobytes(pid):
    """{'VmRSS': kB, 'RssAnon': kB}."""
    fields = status(pid)
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon")}


def switches(pid):
    """Context switches of all tasks: (voluntary, involuntary). A wake-up is a voluntary one."""
    voluntary = involuntary = 0
    for task in tasks(pid):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            for line in file:
                if line.startswith("voluntary_ctxt_switches"):
                    voluntary += int(line.split()[1])
                elif line.startswith("nonvoluntary_ctxt_switches"):
                    involuntary += int(line.split()[1])
    return voluntary, involuntary


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
