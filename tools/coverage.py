"""Prints how many lines of each floor of app/ (or, with --files, of each file) the tests have run.

    coverage.py BUILD_DIR [--floors | --files]

BUILD_DIR holds programs built with clang's coverage, and in profiles/ what they have counted: unit-*.profraw, and
e2e-*.profraw where the end-to-end tests ran too. mgw itself is among the programs, so that files which no test
links count as well.
"""

import glob
import json
import os
import subprocess
import sys


def programs(build):
    tests = glob.glob(f"{build}/tests/unit/test_*")
    return [f"{build}/mgw"] + sorted(path for path in tests if os.path.isfile(path))


def lines_run(build, kinds):
    """{path below app/: (lines, of those run)} of the profiles of these kinds together."""
    raw = [path for kind in kinds for path in glob.glob(f"{build}/profiles/{kind}-*.profraw")]
    merged = f"{build}/profiles/{'-'.join(kinds)}.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *raw], check=True)
    first, *others = programs(build)
    more = [word for path in others for word in ("-object", path)]
    # What it says besides is of functions that a test has under a name of ours.
    told = subprocess.run(
        ["llvm-cov", "export", "-summary-only", "-instr-profile", merged, first, *more],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = {}
    for entry in json.loads(told)["data"][0]["files"]:
        _, is_app, path = entry["filename"].rpartition("/app/")
        if is_app and path.endswith(".c"):
            found[path] = (entry["summary"]["lines"]["count"], entry["summary"]["lines"]["covered"])
    return found


def gathered(files, group_of):
    groups = {}
    for path, (n, n_run) in files.items():
        group = group_of(path)
        lines, run = groups.get(group, (0, 0))
        groups[group] = (lines + n, run + n_run)
    return groups


def floor_names(build):
    """From the ground up, as app/meson.build lists them."""
    with open(os.path.join(os.path.dirname(build) or ".", "app/meson.build"), encoding="utf-8") as text:
        return [line.split("'")[1] for line in text if line.startswith("  ['")]


def percent(part, whole):
    return f"{100 * part / whole:6.1f} %" if whole else f"{'-':>8}"


def table(rows, unit, both, width):
    print(f"\n{'':{width}} {'lines':>6} {'unit':>8}" + (f" {'+ e2e':>8} {'adds':>8}" if both else ""))
    for name in rows:
        n, n_unit = unit[name]
        line = f"{name:{width}} {n:6} {percent(n_unit, n)}"
        if both:
            line += f" {percent(both[name][1], n)} {both[name][1] - n_unit:8}"
        print(line)


def main(build, by):
    unit = lines_run(build, ["unit"])
    both = lines_run(build, ["unit", "e2e"]) if glob.glob(f"{build}/profiles/e2e-*.profraw") else None
    if by == "--files":
        rows, group_of = sorted(unit), lambda path: path
    else:
        group_of = lambda path: path.split("/")[0] if "/" in path else "main"
        rows = [name for name in floor_names(build) + ["main"] if name in gathered(unit, group_of)]
    rows.append("all")
    groups = [gathered(files, group_of) | gathered(files, lambda _: "all") if files else None for files in (unit, both)]
    table(rows, *groups, max(map(len, rows)))


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "--floors")
