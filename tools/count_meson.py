"""Prints how many test cases passed and failed, from the JSON log of `meson test`.

To meson a Criterion program is one test; the cases inside are in the line with which each
program ends. A program that has no such line (a fuzz target, or one that crashed) counts as one.

count_meson.py --failed FILE: prints the name of each that failed instead, a line each.
"""

import json
import re
import sys

FAILED_CASE = re.compile(r"^\[FAIL\] (\S+):", re.M)
SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")


def cases(entry):
    ok = entry["result"] == "OK"
    output = entry.get("stdout", "") + entry.get("stderr", "")
    found = SYNTHESIS.findall(output)
    if not found:
        return (1, 0) if ok else (0, 1)
    passed = sum(int(line[1]) for line in found)
    failed = sum(int(line[2]) for line in found)  # those that crashed are among them
    if not ok and failed == 0:
        failed = 1  # a leak after the last case, or a time-out
    return passed, failed


def names(entry):
    """The program, with the cases of it that failed; the program alone where it does not say which."""
    if entry["result"] == "OK":
        return []
    output = entry.get("stdout", "") + entry.get("stderr", "")
    found = FAILED_CASE.findall(output)
    return [f"{case} ({entry['name']})" for case in found] or [f"{entry['name']}: {entry['result']}"]


def read(path):
    try:
        with open(path, encoding="utf-8") as log:
            return [json.loads(line) for line in log]
    except FileNotFoundError:
        return []


def main(path):
    counts = [cases(entry) for entry in read(path)]
    print(sum(passed for passed, _ in counts), sum(failed for _, failed in counts))


if sys.argv[1] == "--failed":
    for entry in read(sys.argv[2]):
        print(*names(entry), sep="\n", end="\n" if names(entry) else "")
else:
    main(sys.argv[1])
