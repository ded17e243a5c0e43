"""./dev house: the floors of app/, what calls what, and what of it is not as it should be.

Read from the symbols of a build's objects, and the table of floors in app/meson.build."""

import collections
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FLOOR_PART_MAX = 25  # per cent of the lines
CIRCLE_MAX = 15  # files
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 50

# Files that call each other in a circle, and why they may.
CIRCLES = [
    ({"loop/loop", "loop/timer"}, "a turn runs timers, and a timer is armed in a turn"),
    (
        {
            "session/" + name
            for name in (
                "call call_connect call_input call_stateless listing post_response relay server_request session session_idle session_standing "
                "session_stream session_upstreams subscription task"
            ).split()
        },
        "a call and what works for it end each other, a session ends its calls, and is idle when the last has ended",
    ),
    (
        {
            "upstream/" + name
            for name in (
                "fetch header_retry mrtr pending_request shared_session upstream_listen upstream_request upstream_session "
                "upstream_session_account upstream_session_handshake upstream_session_message upstream_session_send upstream_session_stateless"
            ).split()
        },
        "an answer moves the upstream session, whose state decides what becomes of the requests on their way",
    ),
    (
        {"upstream/" + name for name in "account credential credential_config credential_exchange grant".split()},
        "an account has a credential, which holds it while its source fetches a token",
    ),
    (
        {"upstream/http_delete", "upstream/http_transfer", "upstream/transport_http"},
        "one transport: the peer, one request of it, and the end of a session that a request may have opened",
    ),
    ({"core/identity", "core/share", "core/user"}, "a user lives while somebody acts as it or holds its share, and a share ends with its user"),
    (
        {"server/handover", "server/handover_giver", "server/handover_taker", "server/server_drain", "server/server_reload"},
        "a process in between gives and takes at once, a drain waits for what is being given, and a reload is for the one that serves",
    ),
    ({"loop/child", "loop/child_io"}, "a child in two files: what its pipes tell ends its life, and its end closes them"),
    (
        {"fastcgi/fcgi_conn", "fastcgi/fcgi_conn_records", "fastcgi/request"},
        "a connection in three files: its records become requests, which answer by it, and lose their client with it",
    ),
]
# Global names that do not begin with their file's, or with the noun that it is a part of.
NAMES = {}
PLURALS = {"child": "children"}


def floors():
    """[(name, floors that it may use)], from the ground up."""
    text = (TOP / "app/meson.build").read_text()
    table = re.findall(r"^  \['(\w+)', \[(.*?)\], \[", text, re.M)
    return [(name, re.findall(r"\w+", below)) for name, below in table]


def symbols(build):
    """{file: (global names, undefined names)}"""
    found = {}
    for object_file in sorted(pathlib.Path(build).glob("app/lib*.a.p/*.o")):
        floor = object_file.parent.name[3:-4]
        file = floor + "/" + object_file.name[len(floor) + 1 : -4]
        listing = subprocess.run(["nm", object_file], capture_output=True, text=True, check=True).stdout
        kinds = [line.split()[-2:] for line in listing.splitlines()]
        found[file] = ([name for kind, name in kinds if kind in "TDBRCVW"], [name for kind, name in kinds if kind == "U"])
    return found


def calls(files):
    """{file: {file that it calls: names}}"""
    homes = {name: file for file, (names, _) in files.items() for name in names}
    arrows = {file: collections.defaultdict(list) for file in files}
    for file, (_, used) in files.items():
        for name in used:
            if homes.get(name, file) != file:
                arrows[file][homes[name]].append(name)
    return arrows


def includes():
    """{floor: {floor whose headers it includes: a file that does}}"""
    found = collections.defaultdict(dict)
    for path in sorted([*TOP.glob("app/*/*.[ch]"), *TOP.glob("include/mgw/*/*.h")]):
        for other in re.findall(r'#include "mgw/(\w+)/', path.read_text()):
            found[path.parent.name][other] = path.relative_to(TOP)
    return found


def circles(arrows):
    """Strongly connected components of more than one file (Tarjan's algorithm)."""
    number, lowest, stack, found = {}, {}, [], []

    def visit(file):
        number[file] = lowest[file] = len(number)
        stack.append(file)
        for called in arrows[file]:
            if called not in number:
                visit(called)
            if called in stack:
                lowest[file] = min(lowest[file], lowest[called])
        if lowest[file] == number[file]:
            circle = set(stack[stack.index(file) :])
            del stack[stack.index(file) :]
            if len(circle) > 1:
                found.append(circle)

    for file in arrows:
        if file not in number:
            visit(file)
    return sorted(found, key=len, reverse=True)


def bears_name(file, name):
    """Does it begin with its file's name, or with the noun of files that the file is one of?"""
    floor, stem = file.split("/")
    words = stem.split("_")
    for n in range(len(words), 0, -1):
        noun = "_".join(words[:n])
        homes = [f"app/{floor}/{noun}.c", f"app/{floor}/{noun}_inside.h", f"include/mgw/{floor}/{noun}.h"]
        if n < len(words) and not any((TOP / home).exists() for home in homes):
            continue
        if re.match(rf"({noun}s?|{PLURALS.get(noun, noun)})(_|$)", name):
            return True
    return False


def function_lengths(path):
    """[(name, lines between the braces)]; the code is formatted, so that they stand in the first column."""
    found, name, begin = [], None, None
    for number, line in enumerate(path.read_text().splitlines()):
        if re.match(r"[a-z]", line) and (match := re.search(r"(\w+)\(", line)):
            name = match[1]
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            found.append((name, number - begin - 1))
            begin = None
    return found


def main(build):
    faults = []
    order = floors()
    names = [name for name, _ in order]
    may_use = dict(order)
    files = symbols(build)
    if any(not any(file.startswith(name + "/") for file in files) for name in names):
        print(f"house: no objects of every floor in {build}: build first (./dev build)", file=sys.stderr)
        return 1
    arrows = calls(files)
    sources = {name: sorted((TOP / "app" / name).glob("*.c")) for name in names}
    lines = {path: len(path.read_text().splitlines()) for floor in names for path in sources[floor]}
    total = sum(lines.values())

    uses = collections.defaultdict(set)
    for file, called in arrows.items():
        for other, by in called.items():
            above, below = file.split("/")[0], other.split("/")[0]
            if above == below:
                continue
            uses[above].add(below)
            if below not in may_use[above]:
                faults.append(f"{file} calls {other}, which it may not: {', '.join(by)}")
    for floor, others in includes().items():
        for other, file in others.items():
            if other != floor and other not in may_use[floor]:
                faults.append(f"{file} includes a header of {other}, which it may not")
            elif other != floor:
                uses[floor].add(other)
    print("floor      files  lines     %  uses")
    for floor in reversed(names):
        n = sum(lines[path] for path in sources[floor])
        print(f"{floor:10} {len(sources[floor]):5} {n:6} {100 * n / total:5.1f}  {' '.join(n for n in reversed(names) if n in uses[floor])}")
        if n > total * FLOOR_PART_MAX / 100:
            faults.append(f"floor {floor} has more than {FLOOR_PART_MAX} % of the lines")
        for below in may_use[floor]:
            if below not in uses[floor]:
                faults.append(f"floor {floor} may use {below}, and does not (app/meson.build)")

    print("\ncircles of files")
    for circle in circles(arrows):
        reason = next((why for known, why in CIRCLES if known == circle), None)
        print(f"  {len(circle)}: {' '.join(sorted(circle))}: {reason or 'NOT LISTED'}")
        if reason is None:
            faults.append(f"a circle of {len(circle)} files is not listed (tools/house.py): {' '.join(sorted(circle))}")
        if len(circle) > CIRCLE_MAX:
            faults.append(f"a circle has {len(circle)} files ({CIRCLE_MAX} at most)")
    faults += [f"no such circle any more: take it out of CIRCLES in tools/house.py: {' '.join(sorted(known))}" for known, _ in CIRCLES if known not in circles(arrows)]

    n_names = 0
    for file, (defined, _) in files.items():
        n_names += len(defined)
        faults += [f"{file}: {name} must begin with {file.split('/')[1]}_, or with the noun that the file is a part of" for name in defined if name not in NAMES and not bears_name(file, name)]
    print(f"\n{n_names} global names, of which may begin otherwise than with their file's: {', '.join(NAMES) or 'none'}")

    functions = [(n, name, path) for path in lines for name, n in function_lengths(path)]
    functions.sort(key=lambda function: function[0])
    longest = functions[-1]
    print(f"{len(functions)} functions: median {functions[len(functions) // 2][0]} lines, longest {longest[0]} ({longest[1]}, {longest[2].relative_to(TOP)})")
    faults += [f"{path.relative_to(TOP)}: {name} has {n} lines ({FUNCTION_LINES_MAX - 1} at most)" for n, name, path in functions if n >= FUNCTION_LINES_MAX]
    longest_file = max(lines, key=lines.get)
    print(f"{len(lines)} files: longest {lines[longest_file]} lines ({longest_file.relative_to(TOP)})")
    faults += [f"{path.relative_to(TOP)} has {n} lines ({FILE_LINES_MAX} at most)" for path, n in lines.items() if n > FILE_LINES_MAX]

    for fault in faults:
        print(f"house: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else TOP / "build"))
