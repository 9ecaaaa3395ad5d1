#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of a bench/run, made from its CSV: report.py [--markdown] FILE.

With --markdown, the one table that docs/performance.md shows.
A ratio is the median of the ratios within each round, not a ratio of medians: both sides of it
were measured within seconds of each other.
"""
import csv
import statistics
import sys

# metric, what it is, digits behind the point
MORE = [
    ("keepalive", "requests/s, keep-alive", 0),
    ("connect", "requests/s, one connection each", 0),
    ("bulk", "bulk transfer, MB/s", 0),
    ("udp", "small UDP packets/s, one way", 0),
]
LESS = [
    ("keepalive_cpu", "CPU us/request, keep-alive", 1),
    ("connect_cpu", "CPU us/request, one connection each", 1),
    ("bulk_cpu", "CPU us/MB, bulk", 1),
    ("udp_cpu", "CPU us/packet, UDP", 2),
    ("latency_cpu", "CPU us/request, 1000 requests/s", 1),
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


class Results:
    """results[metric][datapath][round] = value, datapaths in the order of the file."""

    def __init__(self, path):
        self.names = []
        self.values = {}
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name = row["datapath"]
                if name not in self.names:
                    self.names.append(name)
                of_metric = self.values.setdefault(row["metric"], {})
                of_metric.setdefault(name, {})[int(row["round"])] = float(row["value"])

    def of(self, metric, name):
        return list(self.values.get(metric, {}).get(name, {}).values())

    def paired(self, metric, name, base, combine):
        """The median over rounds of combine(name's, base's); None if there is no such round."""
        of_metric = self.values.get(metric, {})
        left, right = of_metric.get(name, {}), of_metric.get(base, {})
        both = [combine(left[r], right[r]) for r in left if r in right]
        return statistics.median(both) if both else None


def ratio(left, right):
    return left / right if right else float("nan")


def table(results, title, rows):
    """rows: (label, cells); a row without cells is a heading."""
    width = max([len(label) + 2 for label, _ in rows] + [len(title)])
    print(f"\n{title:{width}}" + "".join(f"{name:>10}" for name in results.names))
    for label, cells in rows:
        print(f"  {label:{width - 2}}" + "".join(f"{cell:>10}" for cell in cells))


def cells(results, metric, base, combine, form):
    values = [results.paired(metric, name, base, combine) for name in results.names]
    return ["-" if value is None else format(value, form) for value in values]


def ratio_rows(results, base):
    rows = []
    for heading, metrics in (("more is better", MORE), ("less is better", LESS)):
        of_heading = [
            (label.split(", MB")[0], cells(results, metric, base, ratio, ".2f"))
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


def print_ratios(results):
    for base, title in (("direct", "as a multiple of direct routing"),
                        ("haproxy", "as a multiple of HAProxy TCP")):
        rows = ratio_rows(results, base)
        if rows:
            table(results, title, rows)
        if base == "direct" and added_rows(results, base):
            table(results, "added to direct routing", added_rows(results, base))


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


def print_numbers(results):
    print("\nthe numbers: median (lowest .. highest)")
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


def main():
    words = sys.argv[1:]
    markdown = words[:1] == ["--markdown"]
    if len(words) != 1 + markdown:
        sys.exit("usage: report.py [--markdown] FILE.csv")
    results = Results(words[-1])
    if markdown:
        print_markdown(results)
        return
    print_ratios(results)
    print_goals(results)
    print_numbers(results)
    print_errors(results)


if __name__ == "__main__":
    main()
