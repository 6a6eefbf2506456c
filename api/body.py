"""Reading a request's body: bounded before it is parsed, and never a fault of ours when it is nonsense."""

from typing import Any

import orjson
from starlette.requests import Request

from api.errors import BodyTooLarge, BodyUnreadable, MediaTypeRefused

__all__ = ["MAXIMUM_BODY", "parsed_object", "read_body", "read_json"]

MAXIMUM_BODY = 256 * 1024


async def read_json(request: Request, *, allowed_bytes: int) -> Any:
    """Return the body as any JSON value. Raises: MediaTypeRefused, BodyTooLarge, BodyUnreadable."""
    return parsed_json(await read_body(request, allowed_bytes=allowed_bytes))


async def read_body(request: Request, *, allowed_bytes: int = MAXIMUM_BODY) -> bytes:
    """Return the bytes of a body that says it is JSON. Raises: MediaTypeRefused, BodyTooLarge."""
    _check_media_type(request)
    return await _read(request, allowed_bytes)


def parsed_object(content: bytes) -> dict[str, Any]:
    """Return a body as a JSON object. Raises: BodyUnreadable."""
    parsed = parsed_json(content)
    if not isinstance(parsed, dict):
        raise BodyUnreadable("it is no JSON object")
    return parsed


def parsed_json(content: bytes) -> Any:
    """Return a body as any JSON value. Raises: BodyUnreadable.

    JSON nested deeper than 1,024 levels, invalid UTF-8, NaN and integers beyond 64 bits are refused by the parser.
    """
    try:
        return orjson.loads(content)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BodyUnreadable("it is no JSON") from error


def _check_media_type(request: Request) -> None:
    if _header(request, b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise MediaTypeRefused("its content type is not application/json")
    if _header(request, b"content-encoding", b"identity").strip().lower() != b"identity":
        raise MediaTypeRefused("it is compressed")


def _header(request: Request, name: bytes, missing: bytes) -> bytes:
    """Return the first header of a name as it came: what Starlette makes of all of them costs more than the three read here."""
    return next((value for known, value in request.scope["headers"] if known == name), missing)


async def _read(request: Request, allowed_bytes: int) -> bytes:
    announced = _header(request, b"content-length", b"")
    if announced.isdigit() and (len(announced) > 12 or int(announced) > allowed_bytes):
        raise BodyTooLarge(allowed_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > allowed_bytes:
            raise BodyTooLarge(allowed_bytes)
        parts.append(part)
    return b"".join(parts)
