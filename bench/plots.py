#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws what bench/run has measured, and writes the same numbers as tables: plots.py FOLDER DOCUMENT.

Of the files columns.csv, services.csv and flows.csv in the folder, those that are there. gnuplot draws
SVGs beside them; the tables, with the pictures, replace what the document has between two marks. Nothing
but the files goes into either, so that the same files give the same output. bench/collect calls it.
"""
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # noqa: E402

BEGIN = "<!-- made by bench/plots.py: from here -->"
END = "<!-- made by bench/plots.py: to here -->"

# metric, label in a table, label below a bar, whether less is better
MEASURES = [
    ("keepalive", "requests/s, keep-alive", "keep-alive", False),
    ("connect", "requests/s, one connection each", "connections", False),
    ("bulk", "bulk transfer", "bulk", False),
    ("udp", "small UDP packets/s", "small UDP", False),
    ("latency_p50", "1 / latency, median", "1 / latency", True),
]
COSTS = [
    ("keepalive", "a request, keep-alive"),
    ("connect", "a request, one connection each"),
    ("udp", "a small UDP packet"),
    ("flow", "beginning a UDP flow, answer included"),
]
COLOURS = {
    "direct": "#bbbbbb", "numgen": "#8c8c8c", "nftlb": "#b08d57", "haproxy": "#c9a0c9",
    "ipvs": "#222222", "nfvs": "#4a90d9", "flow": "#d9534f", "offload": "#8e5bb5", "kernel": "#3c9d5d",
}
HEAD = """set terminal svg size {width},{height} font "sans,12" background "#ffffff"
set output "{path}"
set datafile missing "-"
set grid ytics lc rgb "#dddddd" lt 1
set border 3 lc rgb "#888888"
set tics nomirror textcolor rgb "#000000"
set key outside right top
"""


def colour(name):
    return COLOURS.get(name.removeprefix("dr-").split("-")[0], "#e0c040")


def is_dr(name):
    return name.startswith("dr-")


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def block(name, rows):
    """Data in the script itself; a cell that there is not is a gap."""
    lines = [" ".join("-" if cell is None else f'"{cell}"' if isinstance(cell, str) else f"{cell:.4f}"
                      for cell in row) for row in rows]
    return f"${name} << END\n" + "\n".join(lines) + "\nEND\n"


class Sheet:
    """One file: its title, points, and whether its time is counted instructions."""

    def __init__(self, path):
        file = report.File(path)
        self.title = file.title
        self.points = file.points
        self.counted = any("counted instructions" in line for line in file.title)
        self.names = []
        for results in self.points.values():
            self.names += [name for name in results.names if name not in self.names]

    def first(self):
        return next(iter(self.points.values()))

    def unit(self):
        return "thousands of instructions" if self.counted else "CPU us"

    def cost(self, results, metric, name):
        """What one of it takes, client and server included; None if it was not measured."""
        values = results.of(metric if self.counted else f"{metric}_cpu", name)
        if not values:
            return None
        middle = statistics.median(values)
        return 1e6 / report.INSTRUCTION_NS / middle if self.counted else middle


def multiples(results, names, base):
    """For each measure that the base has: (label in a table, label below a bar, one number a name)."""
    rows = []
    for metric, label, short, inverse in MEASURES:
        if results.of(metric, base):
            values = [results.paired(metric, base if inverse else name, name if inverse else base,
                                     report.ratio) for name in names]
            rows.append((label, short, values))
    return rows


def bars(path, base, names, rows):
    plots = ", ".join(f'$bars using {i + 2}:xtic(1) title "{name}" lc rgb "{colour(name)}"'
                      for i, name in enumerate(names))
    gnuplot(HEAD.format(width=900, height=360, path=path) + block(
        "bars", [[short, *values] for _, short, values in rows]) + f"""
set style data histograms
set style histogram clustered gap 1.5
set style fill solid noborder
set boxwidth 0.92
set yrange [0:*]
set ylabel "as a multiple of {base}"
set arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#888888" dt 2
plot {plots}
""")


def lines(path, sheet, what, ticks):
    """One panel for each cost, one line for each datapath, over the points in their order."""
    panels = [(metric, label) for metric, label in COSTS
              if any(sheet.cost(results, metric, name) is not None
                     for results in sheet.points.values() for name in sheet.names)]
    script = HEAD.format(width=420 * len(panels) + 60, height=340, path=path)
    for metric, _ in panels:
        script += block(metric, [
            [i, tick, *(sheet.cost(results, metric, name) for name in sheet.names)]
            for i, (tick, results) in enumerate(zip(ticks, sheet.points.values()))])
    script += f"""set multiplot layout 1,{len(panels)}
set xrange [-0.2:{len(ticks) - 0.8:.1f}]
set yrange [0:*]
set xlabel "{what}"
set ylabel "{sheet.unit()}"
"""
    for i, (metric, label) in enumerate(panels):
        key = "inside left bottom" if i == 0 else "off"
        plots = ", ".join(
            f'${metric} using 1:{j + 3}:xtic(2) with linespoints pt 7 ps 0.6 lw 2 '
            f'lc rgb "{colour(name)}" {"dt 2 " if is_dr(name) else ""}title "{name}"'
            for j, name in enumerate(sheet.names))
        script += f'set key {key}\nset title "{label}"\nplot {plots}\n'
    gnuplot(script + "unset multiplot\n")


def table(corner, names, rows):
    text = [f"| {corner} |" + "".join(f" {name} |" for name in names), "|---|" + "---:|" * len(names)]
    for label, values, form in rows:
        cells = ["-" if value is None else format(value, form) for value in values]
        text.append(f"| {label} |" + "".join(f" {cell} |" for cell in cells))
    return "\n".join(text) + "\n"


def caption(sheet):
    """The title as one sentence, the command as such."""
    command, *rest = sheet.title or ["bench/run"]
    return f"`{command}`" + "".join(f"; {line}" for line in rest) + ":\n"


def image(folder, document, name, what):
    path = os.path.relpath(os.path.join(folder, name), os.path.dirname(os.path.abspath(document)))
    return f"![{what}]({path})\n"


def columns(folder, document):
    sheet = Sheet(os.path.join(folder, "columns.csv"))
    results = sheet.first()
    text = [caption(sheet)]
    for dr, file in ((False, "columns.svg"), (True, "columns-dr.svg")):
        names = [name for name in sheet.names if is_dr(name) == dr]
        base = next((name for name in names if name.endswith("ipvs")), names[0] if names else None)
        rows = multiples(results, names, base)
        if not rows:
            continue
        bars(os.path.join(folder, file), base, names, rows)
        text += [image(folder, document, file, f"each measure as a multiple of {base}"),
                 table(f"as a multiple of {base}", names,
                       [(label, values, ".2f") for label, _, values in rows])]
    costs = [(label, [sheet.cost(results, metric, name) for name in sheet.names], ",.1f")
             for metric, label in COSTS if metric in results.values]
    if costs:
        text.append(table(sheet.unit(), sheet.names, costs))
    return text


def series(folder, document, kind, field, what):
    """A file whose points differ in one of (services, flows)."""
    sheet = Sheet(os.path.join(folder, f"{kind}.csv"))
    ticks = [f"{point[field]:,}" for point in sheet.points]
    lines(os.path.join(folder, f"{kind}.svg"), sheet, what, ticks)
    text = [caption(sheet), image(folder, document, f"{kind}.svg", f"the cost by the number of {kind}")]
    for metric, label in COSTS:
        rows = [(name, [sheet.cost(results, metric, name) for results in sheet.points.values()], ",.1f")
                for name in sheet.names]
        if any(value is not None for _, values, _ in rows for value in values):
            text.append(table(f"{sheet.unit()}: {label}; {what}", ticks, rows))
    return text


def replace(document, text):
    with open(document, encoding="utf-8") as file:
        whole = file.read()
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"plots.py: {document} has no lines \"{BEGIN}\" and \"{END}\"")
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"{head}{begin}\n\n{text}\n{end}{tail}")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plots.py FOLDER DOCUMENT")
    folder, document = sys.argv[1:]
    text = []
    if os.path.exists(os.path.join(folder, "columns.csv")):
        text += columns(folder, document)
    for kind, field, what in (("services", 0, "services"), ("flows", 1, "established flows")):
        if os.path.exists(os.path.join(folder, f"{kind}.csv")):
            text += series(folder, document, kind, field, what)
    if not text:
        sys.exit(f"plots.py: nothing to draw in {folder}")
    replace(document, "\n".join(text))


if __name__ == "__main__":
    main()
