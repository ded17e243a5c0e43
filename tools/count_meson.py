"""Prints how many test cases passed and failed, from the JSON log of `meson test`.

To meson a Criterion program is one test; the cases inside are in the line with which each
program ends. A program that has no such line (a fuzz target, or one that crashed) counts as one.
"""

import json
import re
import sys

SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")


def cases(entry):
    ok = entry["result"] == "OK"
    output = entry.get("stdout", "") + entry.get("stderr", "")
    found = SYNTHESIS.findall(output)
    if not found:
        return (1, 0) if ok else (0, 1)
    passed = sum(int(line[1]) for line in found)
    failed = sum(int(line[2]) + int(line[3]) for line in found)
    if not ok and failed == 0:
        failed = 1  # a leak after the last case, or a time-out
    return passed, failed


def main(path):
    passed = failed = 0
    try:
        with open(path, encoding="utf-8") as log:
            entries = [json.loads(line) for line in log]
    except FileNotFoundError:
        entries = []
    for entry in entries:
        p, f = cases(entry)
        passed, failed = passed + p, failed + f
    print(passed, failed)


main(sys.argv[1])
