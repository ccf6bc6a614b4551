"""The outermost layer: what happens when everything inside it fails."""

import httpx

from portal.web.gate import Gate
from portal.web.refusals import Refusals
from portal.web.request import Namespace

NAMESPACE = Namespace(name="default", origin="http://localhost")


async def ask(app: object, find_namespace: object) -> httpx.Response:
    nothing_refused = Refusals(None)  # type: ignore[arg-type]
    gate = Gate(app, find_namespace=find_namespace, fallback=NAMESPACE, trusted=(), refusals=nothing_refused)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://localhost") as http:
        return await http.get("/login")


async def found(_host: str) -> Namespace:
    return NAMESPACE


async def test_a_fault_before_the_application_is_a_page_with_the_security_headers() -> None:
    async def fails(_host: str) -> Namespace:
        raise RuntimeError("the look-up broke")

    answer = await ask(None, fails)
    assert answer.status_code == 500
    assert "went wrong on our side" in answer.text
    assert "broke" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_fault_that_escapes_the_application_is_one_too() -> None:
    async def fails(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("an error handler broke")

    answer = await ask(fails, found)
    assert answer.status_code == 500
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
