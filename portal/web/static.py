"""Static files: read once at start, served from memory under a content hash, cached for ever.

`css/portal.css` is the stylesheets joined in cascade order when the process starts: one request instead of thirty, and
still no build step.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from portal.errors import NotFound
from portal.resources import STATIC

JOINED_STYLESHEET = "css/portal.css"
STYLE_ORDER = ("layers", "tokens", "reset", "base", "layout")  # then the components, then utilities
IMMUTABLE = "public, max-age=31536000, immutable"
SHORT_LIVED = "public, max-age=3600"
MIN_SIZE_TO_COMPRESS = 600  # bytes; below, the gzip header eats the gain
TEXT_TYPES = frozenset({"text/css", "text/javascript", "image/svg+xml", "text/plain", "application/json"})

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("image/svg+xml", ".svg")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file in memory."""

    content: bytes
    compressed: bytes | None
    media_type: str
    url: str


def read_static_files(folder: Path = STATIC) -> dict[str, StaticFile]:
    """Read every file below the folder, and join the stylesheets."""
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".md"
    }
    contents[JOINED_STYLESHEET] = _join_stylesheets(contents)
    return {name: _static_file(name, content) for name, content in contents.items()}


class StaticFiles:
    """The files of this process by name."""

    def __init__(self, files: dict[str, StaticFile]) -> None:
        self._files = files

    def url(self, name: str) -> str:
        """Return the hashed address of a file; an unknown name is a fault."""
        return self._files[name].url

    def find(self, digest: str, name: str) -> StaticFile | None:
        """Return a file when the hash in its address is the current one."""
        found = self._files.get(name)
        return found if found and found.url == f"/static/{digest}/{name}" else None

    def get(self, name: str) -> StaticFile:
        """Return a file by name."""
        return self._files[name]


@get("/static/{digest:str}/{name:path}", name="static", opt={"works_in_outage": True}, include_in_schema=False)
async def static_file(request: Request[Any, Any, Any], digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Serve one file under its content hash."""
    found = FILES.find(digest, name.lstrip("/"))
    if found is None:
        raise NotFound
    return _answer(request, found, IMMUTABLE)


@get("/favicon.ico", opt={"works_in_outage": True}, include_in_schema=False)
async def favicon(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the icon that browsers ask for by themselves."""
    return _answer(request, FILES.get("img/favicon.svg"), SHORT_LIVED)


@get("/robots.txt", include_in_schema=False, media_type=MediaType.TEXT)
async def robots() -> Response[str]:
    """Keep search engines out: nobody looks for a login page by its text."""
    return Response("User-agent: *\nDisallow: /\n", headers={"cache-control": SHORT_LIVED})


HANDLERS = (static_file, favicon, robots)


def _answer(request: Request[Any, Any, Any], file: StaticFile, cache_control: str) -> Response[bytes]:
    headers = {"cache-control": cache_control, "vary": "accept-encoding"}
    if file.compressed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(file.content, media_type=file.media_type, headers=headers)


def _join_stylesheets(contents: dict[str, bytes]) -> bytes:
    names = [f"css/{name}.css" for name in STYLE_ORDER]
    names += sorted(name for name in contents if name.startswith("css/components/"))
    names.append("css/utilities.css")
    return b"\n".join(contents[name] for name in names if name in contents)


def _static_file(name: str, content: bytes) -> StaticFile:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = media_type in TEXT_TYPES
    compressed = gzip.compress(content, 9, mtime=0) if is_text and len(content) >= MIN_SIZE_TO_COMPRESS else None
    return StaticFile(
        content=content,
        compressed=compressed,
        media_type=media_type,
        url=f"/static/{hashlib.sha256(content).hexdigest()[:12]}/{name}",
    )


FILES = StaticFiles(read_static_files())  # last: reading uses everything above
