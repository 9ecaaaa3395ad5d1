# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints "nft -j list ruleset" from standard input so that two rulesets can be compared by diff.

Handles, the fan-out's seed and the order of elements do not count. With the argument "compat",
neither does the way to the queues: statements that lead there become "to the queues", and what only
the NFQUEUE target needs (a map and a chain for each queue) is left out.
"""
import json
import sys

COMPAT = sys.argv[1:] == ["compat"]


def is_way_to_queues(statement):
    keys = set(statement)
    if keys & {"queue", "counter", "xt"}:
        return True
    return "vmap" in statement and statement["vmap"].get("data") == "@queues"


def plain(value):
    """Without what may differ, lists of elements sorted."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("handle", "seed")}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def normal(kind, thing):
    thing = plain(thing)
    if "elem" in thing:
        thing["elem"] = sorted(thing["elem"], key=lambda e: json.dumps(e, sort_keys=True))
    if kind == "rule" and COMPAT:
        rest = [s for s in thing["expr"] if not is_way_to_queues(s)]
        if len(rest) < len(thing["expr"]):
            thing["expr"] = rest + ["to the queues"]
    return thing


def only_compat(kind, thing):
    name = thing.get("chain") if kind == "rule" else thing.get("name", "")
    return COMPAT and (name == "queues" or name.startswith("queue_"))


lines = []
for entry in json.load(sys.stdin)["nftables"]:
    (kind, thing), = entry.items()
    if kind != "metainfo" and not only_compat(kind, thing):
        line = kind + " " + json.dumps(normal(kind, thing), sort_keys=True)
        # Rules stand in their order within a chain; everything else in the order of names.
        place = [thing[k] for k in ("family", "table", "chain")] if kind == "rule" else [line]
        lines.append((kind, place, line))
lines.sort(key=lambda row: row[:2])
print("\n".join(row[2] for row in lines))
