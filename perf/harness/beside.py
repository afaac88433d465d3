"""Resolves names while the daemon has other work, beside the C limit. Used by
perf/busy, perf/runs and perf/tethers.

The same load is given to gr and to the limit in turn. The limit has none of the other work, but the
same neighbours on its core: what gr's latency is above the limit's is what that work does to a
request. CPU per request is what gr used while the load ran, less what it used in as long without
it. A turn is judged as in perf/turns, by the limit's own where that is longer.
"""

import statistics
import time

from . import api, clients, process, tables

MOST_CPU, MOST_P99, MOST_TURN = 1.15, 1.5, 2000


def loaded(server, seconds):
    """CPU seconds of the server and the generator's report of one load."""
    cpu = []
    sample = lambda: cpu.append(process.cpu_nanoseconds(server.pid))  # noqa: E731
    report = clients.measured_load(server, sample, sample, seconds=seconds, connections=64)
    return (cpu[1] - cpu[0]) / 1e9, report


def unloaded(server, seconds):
    before = process.cpu_nanoseconds(server.pid)
    time.sleep(seconds)
    return (process.cpu_nanoseconds(server.pid) - before) / 1e9


def one_round(gr, limit, seconds):
    idle = unloaded(gr, seconds)
    used, report = loaded(gr, seconds)
    limits, floor = loaded(limit, seconds)
    net = max(0.0, used - idle * report["seconds"] / seconds) / report["requests"] * 1e6
    base = limits / floor["requests"] * 1e6
    return {"cpu": net, "limitCPU": base, "p99": report["p99"], "limitP99": floor["p99"],
            "background": idle / seconds, "rate": report["requests"] / report["seconds"]}


def busiest_turn(gr):
    with api.API(gr.port) as call:
        return call.call("GET", "/v1/daemon/stats")[1]["reactor"]["busiestTurnMicroseconds"]


def report(rounds, turn, floor, who, work, markdown):
    """Prints the table of the rounds; the goals, to be told with others. `floor` is the busiest
    turn of the limit, `work` what went on beside the load."""
    cpu = [r["cpu"] / r["limitCPU"] for r in rounds]
    p99 = [r["p99"] / r["limitP99"] for r in rounds]
    most_turn = max(MOST_TURN, floor)
    rows = [
        ["CPU s per 1M", tables.spread(r["cpu"] for r in rounds),
         tables.spread(r["limitCPU"] for r in rounds), tables.spread(cpu)],
        ["p99 us", tables.spread((r["p99"] for r in rounds), "{:.0f}"),
         tables.spread((r["limitP99"] for r in rounds), "{:.0f}"), tables.spread(p99)],
        ["background, share of a core", tables.spread(r["background"] for r in rounds), "-", "-"],
    ]
    tables.table(f"Resolve at 64 connections under background load ({work})",
                 ["", "gr", "limit", "ratio"], rows, markdown)
    return [
        tables.judged(f"CPU of gr to limit, {who}", f"<= {MOST_CPU}", tables.spread(cpu),
                      statistics.median(cpu) <= MOST_CPU),
        tables.judged(f"p99 of gr to limit's, {who}", f"<= {MOST_P99}", tables.spread(p99),
                      statistics.median(p99) <= MOST_P99),
        tables.judged(f"busiest turn, {who}", f"<= {most_turn} us CPU",
                      f"{turn} us (limit {floor})", turn <= most_turn),
    ]
