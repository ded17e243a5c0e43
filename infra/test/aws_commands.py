"""The commands of the AWS CLI in docs/: that there are such, with such options, and none is missing that must be given. Held against AWS's own
descriptions of its services (botocore, which cfn-lint brings); nothing is called. The query, too, must be one that the answer can have.

    build/sdks/cfn-lint/bin/python infra/test/aws_commands.py docs/operations/*.md docs/ecs.md"""

import re
import shlex
import sys

import botocore.session
import jmespath
from botocore import xform_name

EVERYWHERE = {"query", "output", "region", "max-items", "profile", "no-paginate"}
# What the CLI has of its own: options of each.
OWN = {
    ("logs", "tail"): {"since", "format", "follow", "filter-pattern"},
    ("ecr", "get-login-password"): set(),
}

# Options that the CLI calls otherwise than the service does.
RENAMED = {("sns", "subscribe"): {"notification-endpoint": "endpoint"}}

session = botocore.session.get_session()
models = {}


def model_of(service):
    if service not in models:
        models[service] = session.get_service_model(service)
    return models[service]


def options_of(words):
    return {word[2:].split("=")[0] for word in words if word.startswith("--")}


def has_members(shape, expression):
    """Whether the names that a query begins with are in the answer; deeper ones are left to the reader."""
    first = re.match(r"\w+", expression)
    return shape is not None and first is not None and first.group() in shape.members


def faults_of(command):
    words = shlex.split(command)
    service, name, *rest = words[1:]
    given = options_of(rest)
    for at, word in enumerate(rest):
        if word == "--query":
            jmespath.compile(rest[at + 1])
    if (service, name) in OWN:
        return [f"no such option: --{o}" for o in sorted(given - OWN[service, name] - EVERYWHERE)]
    model = model_of(service)
    if name == "wait":
        waiters = session.get_waiter_model(service)
        name = next((waiters.get_waiter(w).operation for w in waiters.waiter_names if xform_name(w, "-") == rest[0]), None)
        if name is None:
            return [f"no such waiter: {rest[0]}"]
        operation = model.operation_model(name)
    else:
        found = next((o for o in model.operation_names if xform_name(o, "-") == name), None)
        if found is None:
            return [f"no such command: {service} {name}"]
        operation = model.operation_model(found)
    given = {RENAMED.get((service, name), {}).get(option, option) for option in given}
    known = {xform_name(member, "-"): member for member in operation.input_shape.members}
    # A boolean has a form that says no.
    known.update({f"no-{o}": m for o, m in list(known.items()) if operation.input_shape.members[m].type_name == "boolean"})
    faults = [f"no such option: --{o}" for o in sorted(given - set(known) - EVERYWHERE)]
    faults += [f"is missing: --{xform_name(m, '-')}" for m in operation.input_shape.required_members if xform_name(m, "-") not in given]
    for at, word in enumerate(rest):
        if word == "--query" and not has_members(operation.output_shape, rest[at + 1]):
            faults.append(f"its answer has no such member: {rest[at + 1]}")
    return faults


def commands_of(text):
    for block in re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```$", text, re.M | re.S):
        for line in block.splitlines():
            line = re.sub(r"^\s*(\$ )?", "", line)
            if line.startswith("aws "):
                yield re.split(r" \| (?!\])", line)[0]


def main(files):
    seen = bad = 0
    for file in files:
        with open(file, encoding="utf-8") as page:
            for command in commands_of(page.read()):
                seen += 1
                for fault in faults_of(command):
                    bad += 1
                    print(f"{file}: {command}\n    {fault}")
    print(f"{seen} commands, {bad} faults")
    return 1 if bad or seen < 10 else 0


sys.exit(main(sys.argv[1:]))
