"""embed.py OUT FILE ...: a C header with the bytes of the files. page.css becomes page_css[]; files of one kind (page_dom.js,
page.js) are one array, in their order."""

import pathlib
import sys

out, *files = sys.argv[1:]
kinds = {}
for file in map(pathlib.Path, files):
    kinds.setdefault("page_" + file.suffix[1:], []).append(file.read_bytes())
text = "/* Made by embed.py of the files beside it. */\n#pragma once\n"
for name, parts in kinds.items():
    data = b"\n".join(parts)
    rows = [",".join(str(byte) for byte in data[i : i + 40]) for i in range(0, len(data), 40)]
    text += f"\nstatic const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"
pathlib.Path(out).write_text(text)
