#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of a bench/run, made from its CSV: report.py [--markdown] [--emulated [--counted]] FILE.
If it measured with several numbers of services or flows, the tables of each.

With --markdown, what docs/performance.md shows. With --emulated, of a machine whose absolute numbers
mean nothing: it says so, gives ratios where it would give microseconds, and judges nothing. With
--counted, of one whose time is the number of instructions that it executed.
A ratio is the median of the ratios within each round, not a ratio of medians: both sides of it
were measured within seconds of each other.
"""
import argparse
import csv
import statistics
import sys

# metric, what it is, digits behind the point
MORE = [
    ("keepalive", "requests/s, keep-alive", 0),
    ("connect", "requests/s, one connection each", 0),
    ("bulk", "bulk transfer, MB/s", 0),
    ("udp", "small UDP packets/s, one way", 0),
    ("flow", "UDP flows begun/s", 0),
]
LESS = [
    ("keepalive_cpu", "CPU us/request, keep-alive", 1),
    ("connect_cpu", "CPU us/request, one connection each", 1),
    ("bulk_cpu", "CPU us/MB, bulk", 1),
    ("udp_cpu", "CPU us/packet, UDP", 2),
    ("latency_cpu", "CPU us/request, low rate", 1),
    ("flow_cpu", "CPU us/UDP flow begun", 1),
]
ADDED = [
    ("latency_p50", "latency p50, us", 1),
    ("latency_p90", "latency p90, us", 1),
    ("latency_p99", "latency p99, us", 1),
]
OTHER = [
    ("udp_offered", "UDP packets/s sent", 0),
    ("keepalive_syscalls", "system calls/packet, keep-alive", 3),
    ("udp_syscalls", "system calls/packet, UDP", 3),
]
ERRORS = ["keepalive_errors", "connect_errors", "bulk_errors", "udp_errors"]

# What is asked of nfvs with one worker: metric, against which datapath, what it is, at least
GOALS = [
    ("udp", "direct", "direct routing's small UDP packets/s", 0.5),
    ("keepalive", "haproxy", "HAProxy's keep-alive requests/s", 1.0),
]
SYSCALLS_BELOW = 0.1


BASES = {
    "direct": "as a multiple of direct routing",
    "ipvs": "as a multiple of IPVS",
    "haproxy": "as a multiple of HAProxy TCP",
}
EMULATED = ("an emulated machine: only ratios mean anything, and only large differences between them;"
            "\nabsolute numbers mean nothing")
COUNTED = ("a processor that takes 16 ns for each instruction, whatever it is: other programs change "
           "nothing,\nbut caches, waiting for memory and several CPUs are not in it either")
INSTRUCTION_NS = 16  # NFVS_VM_ACCEL=icount of tests/vm/run


class Results:
    """values[metric][datapath][round] of one point, datapaths in the order of the file."""

    def __init__(self):
        self.names = []
        self.values = {}

    def add(self, row):
        name = row["datapath"]
        if name not in self.names:
            self.names.append(name)
        of_metric = self.values.setdefault(row["metric"], {})
        of_metric.setdefault(name, {})[int(row["round"])] = float(row["value"])

    def of(self, metric, name):
        return list(self.values.get(metric, {}).get(name, {}).values())

    def pairs(self, metric, name, base, combine):
        """combine(name's, base's) of each round that has both."""
        of_metric = self.values.get(metric, {})
        left, right = of_metric.get(name, {}), of_metric.get(base, {})
        return [combine(left[r], right[r]) for r in left if r in right]

    def paired(self, metric, name, base, combine):
        """The median over rounds of combine(name's, base's); None if there is no such round."""
        both = self.pairs(metric, name, base, combine)
        return statistics.median(both) if both else None


class File:
    """What is at the top of a file, and the results of each of its points: (services, flows)."""

    def __init__(self, path):
        self.title = []
        self.points = {}
        with open(path, newline="", encoding="utf-8") as file:
            lines = file.readlines()
        while lines and lines[0].startswith("#"):
            self.title.append(lines.pop(0)[1:].strip())
        for row in csv.DictReader(lines):
            point = int(row.get("services") or 0), int(row.get("flows") or 0)
            self.points.setdefault(point, Results()).add(row)


def ratio(left, right):
    return left / right if right else float("nan")


def table(names, title, rows):
    """rows: (label, cells); a row without cells is a heading."""
    width = max([len(label) + 2 for label, _ in rows] + [len(title)])
    column = max([8] + [len(cell) for _, cells in rows for cell in cells]) + 2
    print(f"\n{title:{width}}" + "".join(f"{name:>{column}}" for name in names))
    for label, cells in rows:
        print(f"  {label:{width - 2}}" + "".join(f"{cell:>{column}}" for cell in cells))


def cells(results, metric, base, combine, form):
    values = [results.paired(metric, name, base, combine) for name in results.names]
    return ["-" if value is None else format(value, form) for value in values]


def spread(results, metric, name, base):
    """A ratio with its lowest and highest round."""
    values = results.pairs(metric, name, base, ratio)
    if not values:
        return "-"
    text = f"{statistics.median(values):.2f}"
    return text + (f" ({min(values):.2f} .. {max(values):.2f})" if len(values) > 1 else "")


def without_unit(label):
    return label.split(", MB")[0].removesuffix(", us")


def ratio_rows(results, base, emulated, cells_of):
    rows = []
    less = LESS + ADDED if emulated else LESS
    for heading, metrics in (("more is better", MORE), ("less is better", less)):
        of_heading = [
            (without_unit(label), cells_of(metric))
            for metric, label, _ in metrics
            if results.of(metric, base)
        ]
        if of_heading:
            rows += [(f"({heading})", [])] + of_heading
    return rows


def added_rows(results, base):
    return [
        (label, cells(results, metric, base, lambda a, b: a - b, "+.1f"))
        for metric, label, _ in ADDED
        if results.of(metric, base)
    ]


def print_ratios(results, emulated):
    for base in ("direct", "haproxy"):
        rows = ratio_rows(results, base, emulated,
                          lambda metric: cells(results, metric, base, ratio, ".2f"))
        if rows:
            table(results.names, BASES[base], rows)
        if base == "direct" and not emulated and added_rows(results, base):
            table(results.names, "added to direct routing", added_rows(results, base))


def print_beside_ipvs(results, emulated):
    ours = [name for name in results.names if name.startswith(("nfvs", "flow", "offload", "kernel"))]
    rows = ratio_rows(results, "ipvs", emulated,
                      lambda metric: [spread(results, metric, name, "ipvs") for name in ours])
    if ours and rows:
        table(ours, f"{BASES['ipvs']}: median (lowest .. highest)", rows)


def print_goals(results):
    lines = []
    for metric, base, label, least in GOALS:
        value = results.paired(metric, "nfvs-1", base, ratio)
        if value is not None:
            lines.append((value >= least, f"{value:.2f} of {label} (wanted: {least} or more)"))
    if results.of("udp_syscalls", "nfvs-1"):
        value = statistics.median(results.of("udp_syscalls", "nfvs-1"))
        lines.append((value < SYSCALLS_BELOW, f"{value:.3f} system calls/packet in the flood of "
                      f"small UDP packets (wanted: below {SYSCALLS_BELOW})"))
    if lines:
        print("\nwhat is asked of nfvs with one worker")
    for reached, text in lines:
        print(f"  {'reached' if reached else 'MISSED '}  {text}")


def print_numbers(results, emulated):
    print("\nthe numbers" + (", which mean nothing" if emulated else "") +
          ": median (lowest .. highest)")
    for metric, label, digits in MORE + LESS + ADDED + OTHER:
        if metric not in results.values:
            continue
        print(f"  {label}")
        for name in results.names:
            values = results.of(metric, name)
            if values:
                middle, low, high = statistics.median(values), min(values), max(values)
                print(f"    {name:10}{middle:>12,.{digits}f}"
                      f"   ({low:,.{digits}f} .. {high:,.{digits}f})")


def print_instructions(results):
    print("\nthousands of instructions for each request or packet, client and server included")
    for metric, label, _ in MORE:
        for name in results.names:
            rates = results.of(metric, name)
            if rates and metric != "bulk":
                thousands = 1e6 / INSTRUCTION_NS / statistics.median(rates)
                print(f"  {label:32} {name:10} {thousands:8.1f}")


def print_errors(results):
    for metric in ERRORS:
        for name in results.names:
            count = int(sum(results.of(metric, name)))
            if count:
                print(f"\nfailed requests: {count} in {metric.split('_')[0]} through {name}")


def print_markdown(results):
    """Medians, and behind them the median ratio to direct routing."""
    print("| |" + "".join(f" {name} |" for name in results.names))
    print("|---|" + "---:|" * len(results.names))
    for metric, label, digits in MORE + LESS + ADDED + OTHER:
        if metric not in results.values:
            continue
        row = f"| {label} |"
        for name in results.names:
            values = results.of(metric, name)
            text = f"{statistics.median(values):,.{digits}f}" if values else "-"
            related = results.paired(metric, name, "direct", ratio)
            if name != "direct" and related is not None and (metric, label, digits) not in OTHER:
                text += f" ({related:.2f})"
            row += f" {text} |"
        print(row)


def print_markdown_ratios(results):
    """For each base a table of ratios: median (lowest .. highest round)."""
    for base in ("direct", "ipvs"):
        if base not in results.names:
            continue
        names = [name for name in results.names if name != base]
        rows = ratio_rows(results, base, True,
                          lambda metric: [spread(results, metric, name, base) for name in names])
        print(f"\n| {BASES[base]} |" + "".join(f" {name} |" for name in names))
        print("|---|" + "---:|" * len(names))
        for label, row in rows:
            print(f"| {label} |" + "".join(f" {cell} |" for cell in row or [""] * len(names)))


def print_all(results, options):
    if options.markdown:
        (print_markdown_ratios if options.emulated else print_markdown)(results)
        return
    if options.emulated:
        print(COUNTED if options.counted else EMULATED)
    print_beside_ipvs(results, options.emulated)
    print_ratios(results, options.emulated)
    if not options.emulated:
        print_goals(results)
    if options.counted:
        print_instructions(results)
    print_numbers(results, options.emulated)
    print_errors(results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--markdown", action="store_true", help="what docs/performance.md shows")
    parser.add_argument("--emulated", action="store_true", help="absolute numbers mean nothing")
    parser.add_argument("--counted", action="store_true", help="its time is counted instructions")
    parser.add_argument("file", metavar="FILE.csv")
    options = parser.parse_args()
    points = File(options.file).points
    for (services, flows), results in points.items():
        if len(points) > 1:
            print(f"\n== with {services} services, beside {flows:,} flows")
        print_all(results, options)


if __name__ == "__main__":
    main()
