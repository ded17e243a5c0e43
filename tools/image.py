"""An image of Docker's as one that is the same bytes whenever it is built of the same: for `docker load`.

usage: image.py IMAGE FILE

What runs is the image's own: its files, in one layer, and its settings. What tells of the moment and the machine of the build is
left out: times (no file is newer than SOURCE_DATE_EPOCH), logs, caches, and the day that a user was made.
"""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
LEFT_OUT = re.compile(r"^(\.dockerenv|var/log/.+\.log|var/log/apt/.+|var/cache/(ldconfig/aux-cache|debconf/.+-old|apt/.+)|var/lib/apt/lists/.+|etc/(passwd|group|shadow|gshadow|subuid|subgid)-|dev/.+)$")
# What an engine lays its own over.
EMPTY = {"etc/hostname", "etc/hosts", "etc/resolv.conf"}


def docker(*command):
    return subprocess.run(["docker", *command], check=True, capture_output=True).stdout


def same(name, data):
    if name in EMPTY:
        return b""
    if name == "etc/shadow":  # name:password:day of its last change:...
        today = str(EPOCH // 86400)
        lines = [line.split(":") for line in data.decode().split("\n")]
        return "\n".join(":".join([*line[:2], min(line[2], today, key=int), *line[3:]]) if len(line) > 3 and line[2] else ":".join(line) for line in lines).encode()
    return data


def layer_of(image):
    container = docker("create", image, "none").decode().strip()
    try:
        exported = tarfile.open(fileobj=io.BytesIO(docker("export", container)))
    finally:
        docker("rm", container)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as out:
        for entry in sorted(exported.getmembers(), key=lambda e: e.name):
            if LEFT_OUT.match(entry.name):
                continue
            data = None
            if entry.isreg():
                data = same(entry.name, exported.extractfile(entry).read())
                entry.size = len(data)
            entry.mtime = min(int(entry.mtime), EPOCH)
            entry.uname = entry.gname = ""
            entry.pax_headers = {key: value for key, value in entry.pax_headers.items() if key.startswith("SCHILY.xattr.")}
            out.addfile(entry, io.BytesIO(data) if data is not None else None)
    return layer.getvalue()


def main():
    image, file = sys.argv[1:]
    told = json.loads(docker("inspect", image))[0]
    layer = layer_of(image)
    created = subprocess.run(["date", "-u", "-d", f"@{EPOCH}", "+%Y-%m-%dT%H:%M:%SZ"], check=True, capture_output=True, text=True).stdout.strip()
    kept = ("Env", "User", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ExposedPorts", "Healthcheck")
    settings = {
        "architecture": told["Architecture"],
        "os": told["Os"],
        "created": created,
        "config": {key: told["Config"][key] for key in kept if told["Config"].get(key)},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": created, "created_by": "./dev release"}],
    }
    config = json.dumps(settings, sort_keys=True).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [image], "Layers": ["layer.tar"]}]).encode()
    with open(file, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, EPOCH) as zipped, tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for member, data in ((name, config), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(member)
            entry.size, entry.mtime, entry.mode = len(data), EPOCH, 0o644
            out.addfile(entry, io.BytesIO(data))


main()
