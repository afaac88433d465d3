"""Prints results: aligned text for a terminal, Markdown for docs/performance.md, JSON for history.

A figure of several rounds is written as median (least..greatest).
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time


def spread(values, form="{:.2f}"):
    values = list(values)
    if not values:
        return "-"
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}..{form.format(max(values))})"


def count(value):
    """A rate in short: 54.3, 178.5k, 2.30M."""
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    return f"{value / 1e3:.1f}k" if value >= 1e3 else f"{value:.1f}"


def table(title, columns, rows, markdown=False):
    rows = [[str(cell) for cell in row] for row in rows]
    if markdown:
        print(f"**{title}**\n")
        print("| " + " | ".join(columns) + " |")
        print("|" + "---|" * len(columns))
        for row in rows:
            print("| " + " | ".join(row) + " |")
    else:
        print(title)
        lines = [columns, *rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        for line in lines:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print()
    sys.stdout.flush()


def judged(name, goal, value, holds):
    """One goal as it is kept in JSON and gathered by perf/report."""
    return {"name": name, "goal": goal, "value": value, "holds": bool(holds)}


def goals(entries, markdown=False):
    if entries:
        rows = [[e["name"], e["goal"], e["value"], "yes" if e["holds"] else "NO"] for e in entries]
        table("Goals", ["figure", "goal", "measured", "holds"], rows, markdown)


def version(*command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return f"{command[0]}: absent"
    return (result.stdout + result.stderr).strip().splitlines()[0]


def machine():
    """What a reader needs to place the figures."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "?")
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory} MB",
        "kernel": platform.release(),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "nginx": version("nginx", "-v"),
        "haproxy": version("haproxy", "-v"),
        "cc": version("cc", "--version"),
    }


def write_json(path, value):
    if path:
        with open(path, "w") as file:
            json.dump({"machine": machine(), **value}, file, indent=1)
            file.write("\n")
