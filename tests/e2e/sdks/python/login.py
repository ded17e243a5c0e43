"""A client of Python's mcp, 1.x or 2.x (its newest revision), that signs in by the SDK's own auth code: login.py URL REDIRECT CA_FILE.

Out: {"visit": url}: a person has to go there. In: {"code", "state", "iss"}: what the redirect brings.
Then {"ready": revision}, and the client is driven: see driver.py. "expire": its access token is taken for expired.
"""

import asyncio
import json
import ssl
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from driver import drive, lines, say

try:
    import httpx2 as httpx  # the SDK's 2.x has its own
    from mcp import Client, MCPError as McpError
    from mcp.client.auth import AuthorizationCodeResult
except ImportError:
    import httpx
    from mcp import McpError

    Client = None

url, redirect, ca_file = sys.argv[1:]
trust = ssl.create_default_context(cafile=ca_file)


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def visit(to):
    say({"visit": to})


async def came_back():
    async for params in input_lines:
        if Client:
            return AuthorizationCodeResult(**params)
        return params["code"], params.get("state")


def make_client(headers=None, timeout=None, auth=None):
    return httpx.AsyncClient(headers=headers, timeout=timeout or 20, auth=auth, verify=trust, follow_redirects=True)


@asynccontextmanager
async def connect(auth):
    if url.endswith("/sse"):
        async with sse_client(url, auth=auth, httpx_client_factory=make_client) as streams:
            yield streams
    else:
        async with make_client(auth=auth) as http_client, streamable_http_client(url, http_client=http_client) as streams:
            yield streams


async def main():
    storage = Storage()
    metadata = OAuthClientMetadata(
        client_name="Python of the tests", redirect_uris=[redirect], grant_types=["authorization_code", "refresh_token"],
        response_types=["code"], token_endpoint_auth_method="none",
    )
    auth = OAuthClientProvider(url, metadata, storage, visit, came_back)

    async def expire(params, id):
        auth.context.token_expiry_time = 1

    async with open_session(connect(auth)) as (session, revision):
        say({"ready": revision})
        methods = {
            "tools/list": lambda p, _: session.list_tools(),
            "tools/call": lambda p, _: session.call_tool(p["name"], p["arguments"]),
            "expire": expire,
        }
        await drive(methods, McpError, source=input_lines)


@asynccontextmanager
async def open_session(connecting):
    if Client:
        async with Client(connecting, mode="legacy" if url.endswith("/sse") else "auto") as client:
            yield client, client.protocol_version
    else:
        async with connecting as (read, write, *_), ClientSession(read, write) as session:
            yield session, (await session.initialize()).protocolVersion


input_lines = lines()
asyncio.run(main())
