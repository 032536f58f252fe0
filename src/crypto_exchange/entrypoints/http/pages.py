"""Pages: the description of the API for people, with everything that they load.

Nothing comes from another host, so they work without internet. `static/` holds the released
bundles of Swagger UI and ReDoc as they are, each with its licence, and our own files beside them.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources

from crypto_exchange.domain.errors import NotFound
from crypto_exchange.entrypoints.http.operations import ApiRequest, Page, route
from crypto_exchange.entrypoints.http.replies import Reply

_BASE = "/api/v1"
_HTML = b"text/html; charset=utf-8"
_CSS = b"text/css; charset=utf-8"
_SCRIPT = b"text/javascript; charset=utf-8"
_FILES = {
    "favicon.svg": ("favicon.svg", b"image/svg+xml"),
    "swagger.css": ("swagger.css", _CSS),
    "swagger.js": ("swagger.js", _SCRIPT),
    "swagger-ui.css": ("swagger-ui-5.35.0/swagger-ui.css", _CSS),
    "swagger-ui-bundle.js": ("swagger-ui-5.35.0/swagger-ui-bundle.js", _SCRIPT),
    "redoc.css": ("redoc.css", _CSS),
    "redoc.js": ("redoc.js", _SCRIPT),
    "redoc.standalone.js": ("redoc-2.5.4/redoc.standalone.js", _SCRIPT),
}
"""What is served, where it lies in `static/`, and its content type."""

_REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# ReDoc writes its style sheet as it goes, and its search runs in a worker made from its own bundle.
_REDOC_POLICY = (
    _POLICY.replace(b"style-src 'self'", b"style-src 'self' 'unsafe-inline'")
    + b"; worker-src blob:"
)


@route(Page(path=f"{_BASE}/swagger/", name="swagger", summary="Read and try the API (Swagger UI)"))
async def show_swagger(request: ApiRequest) -> Reply:  # noqa: ARG001 - every handler takes it
    """200 with the page."""
    return _page("swagger.html", _POLICY)


@route(Page(path=f"{_BASE}/redoc/", name="redoc", summary="Read about the API (ReDoc)"))
async def show_redoc(request: ApiRequest) -> Reply:  # noqa: ARG001 - every handler takes it
    """200 with the page."""
    return _page("redoc.html", _REDOC_POLICY)


@route(
    Page(
        path=f"{_BASE}/static/{{version:str}}/{{name:str}}",
        name="static",
        summary="What the pages load",
    )
)
async def show_file(request: ApiRequest) -> Reply:
    """200 with the file. Its address has its version in it, so it may be kept for ever."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise NotFound("file", name[:40])
    # While servers of two versions run side by side, one may be asked for the other's files.
    current = request.path_params["version"] == _version()
    lasting = b"public, max-age=31536000, immutable" if current else b"no-store"
    headers = [(b"cache-control", lasting)]
    return Reply(200, _read(name), media_type=_FILES[name][1], headers=headers)


ROUTES = (show_swagger, show_redoc, show_file)


def _page(name: str, policy: bytes) -> Reply:
    address = f"{_BASE}/static/{_version()}".encode()
    body = _read_static(name).replace(b"{static}", address)
    headers = [(b"content-security-policy", policy), (b"cache-control", b"no-cache")]
    return Reply(200, body, media_type=_HTML, headers=headers)


@cache
def _version() -> str:
    digest = sha256()
    for name in _FILES:
        digest.update(sha256(_read_static(_FILES[name][0])).digest())
    return digest.hexdigest()[:16]


@cache
def _read(name: str) -> bytes:
    """A file as it is served: ReDoc would load a logo from another host."""
    return _read_static(_FILES[name][0]).replace(_REDOC_LOGO, b"data:,")


@cache
def _read_static(path: str) -> bytes:
    return resources.files("crypto_exchange.entrypoints.http").joinpath("static", path).read_bytes()
