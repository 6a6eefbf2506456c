"""Reading a request's body: bounded before it is parsed, and never a fault of ours when it is nonsense."""

from typing import Any

import orjson
from starlette.requests import Request

from api.errors import BodyTooLarge, BodyUnreadable, MediaTypeRefused

__all__ = ["MAXIMUM_BODY", "read_json", "read_json_object"]

MAXIMUM_BODY = 256 * 1024


async def read_json_object(request: Request, *, allowed_bytes: int = MAXIMUM_BODY) -> dict[str, Any]:
    """Return the body as a JSON object. Raises: MediaTypeRefused, BodyTooLarge, BodyUnreadable.

    JSON nested deeper than 1,024 levels, invalid UTF-8, NaN and integers beyond 64 bits are refused by the parser.
    """
    parsed = await read_json(request, allowed_bytes=allowed_bytes)
    if not isinstance(parsed, dict):
        raise BodyUnreadable("it is no JSON object")
    return parsed


async def read_json(request: Request, *, allowed_bytes: int) -> Any:
    """Return the body as any JSON value, under the same bounds. Raises: MediaTypeRefused, BodyTooLarge, BodyUnreadable."""
    _check_media_type(request)
    content = await _read(request, allowed_bytes)
    try:
        return orjson.loads(content)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BodyUnreadable("it is no JSON") from error


def _check_media_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeRefused("its content type is not application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaTypeRefused("it is compressed")


async def _read(request: Request, allowed_bytes: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 12 or int(announced) > allowed_bytes):
        raise BodyTooLarge(allowed_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > allowed_bytes:
            raise BodyTooLarge(allowed_bytes)
        parts.append(part)
    return b"".join(parts)
