"""The playground: static files of `web/dist`, or a page that says how to build them. Nothing comes from another host."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

__all__ = ["CONTENT_SECURITY_POLICY", "NotBuiltRoute", "playground_files"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Styles may be set in place because the query editor measures and colours its text that way; scripts may not."""

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shelfgraph</title></head>
<body><h1>Shelfgraph is running; its playground is not built</h1>
<p>Run <code>make web</code> in the project's folder and start the server again.</p>
<p>The API answers meanwhile: POST <code>/graphql</code>, GET <code>/v1/recommendations</code>, <code>/health</code>,
<code>/metrics</code>, <a href="/playground/examples.json">saved queries</a>.</p></body></html>
"""


class NotBuiltRoute:
    """GET / where the playground was not built."""

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return HTMLResponse(NOT_BUILT)


def playground_files(folder: Path | None) -> StaticFiles | None:
    """Return the application that serves the playground's files, or None where they were not built."""
    if folder is None or not (folder / "index.html").is_file():
        return None
    return StaticFiles(directory=folder, html=True)
