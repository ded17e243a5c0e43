"""A server by FastMCP, 2 or 4: a program, or with a port over Streamable HTTP."""

import sys

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

server = FastMCP("fast")


@server.tool
def add(a: float, b: float) -> float:
    """a and b"""
    return a + b


@server.tool
async def count(to: int, context: Context) -> list[int]:
    """Counts, and tells how far it is."""
    for step in range(to):
        await context.report_progress(step + 1, to)
    return list(range(1, to + 1))


@server.tool
def fail() -> str:
    """Fails."""
    raise ToolError("it fails")


@server.resource("fast://hello")
def hello() -> str:
    return "hello"


@server.resource("fast://people/{name}")
def person(name: str) -> str:
    return f"this is {name}"


@server.prompt
def greet(who: str) -> str:
    """greets"""
    return f"Greet {who}."


if len(sys.argv) > 1:
    server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
else:
    server.run(show_banner=False)
