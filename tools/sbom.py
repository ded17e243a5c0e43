"""What a program is made of, as an SBOM (CycloneDX 1.5, JSON): the shared libraries that it is linked with, those that they
are, and of which of dpkg's packages each is.

usage: sbom.py PROGRAM NAME VERSION [PACKAGE...]

PACKAGE: one whose headers are compiled in, of which no library tells. The same program on the same system gives the same
text: its time is SOURCE_DATE_EPOCH.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", path))


def libraries_of(program):
    """Their names, as the loader finds them: name -> path."""
    found = dict(re.findall(r"^\s*(\S+) => (/\S+) ", run("ldd", program), re.M))
    loader = re.search(r"^\s*(/\S*ld-linux\S*) ", run("ldd", program), re.M)
    if loader:
        found[Path(loader[1]).name] = loader[1]
    return found


def packages_of(paths):
    """path -> package. dpkg knows a file by the name that its package had for it: /lib or /usr/lib."""
    names = {path: (real := os.path.realpath(path), real.removeprefix("/usr"), path) for path in paths}
    told = subprocess.run(["dpkg-query", "-S", *{name for each in names.values() for name in each}], capture_output=True, text=True)
    owner = {file: owners.split(",")[0] for owners, file in (line.split(": ", 1) for line in told.stdout.splitlines())}
    found = {path: next((owner[name] for name in each if name in owner), None) for path, each in names.items()}
    if None in found.values():
        raise SystemExit(f"sbom.py: of no package: {[path for path in found if found[path] is None]}")
    return found


def licenses_of(package):
    """The names that a copyright file of machine-readable form gives."""
    file = Path("/usr/share/doc") / package.split(":")[0] / "copyright"
    text = file.read_text(errors="replace") if file.exists() else ""
    names = re.findall(r"^License: *(\S.*)$", text, re.M) if text.startswith("Format:") else []
    return [{"license": {"name": name}} for name in sorted({name.strip() for name in names})]


def component_of(package, files):
    fields = ["Package", "Version", "Architecture", "source:Package", "source:Version", "Maintainer", "Homepage"]
    told = run("dpkg-query", "-W", "-f", "\t".join("${%s}" % f for f in fields), package).split("\t")
    name, version, architecture, source, source_version, maintainer, homepage = told
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().split("\n") if "=" in line)
    distro = f"{release['ID']}-{release.get('VERSION_ID', '').strip(chr(34))}"
    version_of_url = version.replace("+", "%2B").replace(":", "%3A")
    component = {
        "type": "library",
        "bom-ref": name,
        "supplier": {"name": re.sub(r" <.*", "", maintainer)},
        "name": name,
        "version": version,
        "licenses": licenses_of(package),
        "purl": f"pkg:deb/{release['ID']}/{name}@{version_of_url}?arch={architecture}&distro={distro}",
        "externalReferences": [{"type": "website", "url": homepage}] if homepage else [],
        "properties": [
            {"name": "deb:source", "value": f"{source} {source_version}"},
            *({"name": "file:sha256", "value": f"{os.path.basename(f)} {sha256(f)}"} for f in files),
        ],
    }
    return {key: value for key, value in component.items() if value != []}


def main():
    program, name, version, *headers = sys.argv[1:]
    libraries = libraries_of(program)
    packages = packages_of(libraries.values())
    owner = {library: packages[path] for library, path in libraries.items()}
    files = {package: [] for package in headers}
    for library in sorted(libraries):
        files.setdefault(owner[library], []).append(os.path.realpath(libraries[library]))
    ref = {package: package.split(":")[0] for package in files}
    # Of each package: those that its libraries name themselves.
    depends = {package: set() for package in files}
    for library, path in libraries.items():
        depends[owner[library]] |= {ref[owner[other]] for other in needed(path) if other in owner}
    own = {ref[owner[library]] for library in needed(program) if library in owner} | {ref[package] for package in headers}
    when = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), timezone.utc)
    digest = sha256(program)
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}@{version}#{digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": [component_of(package, files[package]) for package in sorted(files)],
        "dependencies": [{"ref": name, "dependsOn": sorted(own)}]
        + [{"ref": ref[package], "dependsOn": sorted(depends[package] - {ref[package]})} for package in sorted(files)],
    }
    json.dump(bom, sys.stdout, indent=2)
    print()


main()
