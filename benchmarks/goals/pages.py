"""Goals 1, 2, 3 and 11: pages and the session check."""

from benchmarks.contenders.allauth import LOGIN_PAGE, SESSION_CHECK, SIGNED_IN_PAGE
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.node import BETTER_AUTH_SESSION_CHECK
from benchmarks.counts import counts_of_allauth, counts_of_better_auth, counts_of_portal
from benchmarks.http_client import expecting, request
from benchmarks.measure import Work, interleave
from benchmarks.report import Report
from benchmarks.stage import Peer, Stage

# Resumes the session and answers JSON: the account API's /me takes its place here when there is one.
PORTAL_SESSION_CHECK = "/signup/status"
MANY_CONNECTIONS = 32


async def login_page(stage: Stage, report: Report) -> None:
    """Goal 1: the login page, bare and with a flow."""
    portal, allauth, bare = await stage.portal(), await stage.allauth(), await stage.bare_litestar()
    counts = await counts_of_portal(stage)
    flow, cookie = await portal.start_flow()
    works = [
        _work(portal.contender, portal.get("/login")),
        _work(portal.contender, portal.get(f"/login?flow={flow}", cookie=cookie)),
        _work(portal.contender, portal.get("/login", **{"accept-encoding": "identity"})),
        _work(bare, _get(bare, "/")),
        _work(allauth.contender, _get(allauth.contender, LOGIN_PAGE)),
    ]
    plain, with_flow, uncompressed, answer, peer = await interleave(works, stage.pace)
    report.figure("login page", plain, counts.login_page)
    report.figure("login page with a flow", with_flow, counts.login_page_with_flow)
    report.figure("login page, not compressed", uncompressed, counts.login_page)
    report.figure("a ready text", answer)
    report.figure("login page, not compressed", peer, (await counts_of_allauth(stage)).login_page)
    # By CPU time and not by the clock: the load generator is what limits the rate of so small an answer.
    report.at_least("1", "login page: share of a bare Litestar answer's rate per core", answer.cpu / plain.cpu, 0.5)
    report.at_least("1", "login page: times cheaper than django-allauth's", peer.cpu / plain.cpu, 12)
    report.at_least("1", "login page with a flow: times cheaper", peer.cpu / with_flow.cpu, 8)
    report.at_most("1", "login page with a flow: round trips", counts.login_page_with_flow.round_trips, 1)


async def session_check(stage: Stage, report: Report) -> None:
    """Goal 2: is somebody logged in, as JSON."""
    portal, allauth, bare = await stage.portal(), await stage.allauth(), await stage.bare_litestar()
    better_auth, counts = await stage.better_auth(), await counts_of_portal(stage)
    works = [
        _work(portal.contender, portal.get(PORTAL_SESSION_CHECK, cookie=await stage.portal_cookie())),
        _work(bare, _get(bare, "/query")),
        _peer_work(allauth, SESSION_CHECK),
        _peer_work(better_auth, BETTER_AUTH_SESSION_CHECK),
    ]
    own, query, django, node = await interleave(works, stage.pace)
    report.figure("session check", own, counts.session_check)
    report.figure("one query as JSON", query, "1 / 1")
    report.figure("session check", django, (await counts_of_allauth(stage)).session_check)
    report.figure("session check", node, (await counts_of_better_auth(stage)).session_check)
    report.at_most("2", "session check: statements", counts.session_check.statements, 1)
    report.at_most("2", "session check: round trips", counts.session_check.round_trips, 1)
    report.at_most("2", "session check: CPU", own.cpu, 250, " µs")
    report.at_least("2", "session check: times cheaper than django-allauth's", django.cpu / own.cpu, 6)
    report.at_least("2", "session check: times cheaper than better-auth's", node.cpu / own.cpu, 12)


async def signed_in_page(stage: Stage, report: Report) -> None:
    """Goal 3: the page of somebody who is logged in."""
    portal, allauth, counts = await stage.portal(), await stage.allauth(), await counts_of_portal(stage)
    cookie = await stage.portal_cookie()
    works = [
        _work(portal.contender, portal.get("/account", cookie=cookie)),
        _work(portal.contender, portal.get("/account", cookie=cookie, **{"accept-encoding": "identity"})),
        _peer_work(allauth, SIGNED_IN_PAGE),
    ]
    own, uncompressed, peer = await interleave(works, stage.pace)
    report.figure("signed-in page", own, counts.signed_in_page)
    report.figure("signed-in page, not compressed", uncompressed, counts.signed_in_page)
    report.figure("signed-in page, not compressed", peer, (await counts_of_allauth(stage)).signed_in_page)
    report.at_most("3", "signed-in page: round trips", counts.signed_in_page.round_trips, 1)
    report.at_least("3", "signed-in page: times cheaper than django-allauth's", peer.cpu / own.cpu, 10)


async def tails(stage: Stage, report: Report) -> None:
    """Goal 11: pages with a database call at 32 connections."""
    portal = await stage.portal()
    flow, cookie = await portal.start_flow()
    works = [
        _work(portal.contender, portal.get("/account", cookie=await stage.portal_cookie())),
        _work(portal.contender, portal.get(f"/login?flow={flow}", cookie=cookie)),
    ]
    account, login = await interleave(works, stage.pace, connections=MANY_CONNECTIONS)
    for name, figure in (("signed-in page", account), ("login page with a flow", login)):
        report.figure(f"{name}, {MANY_CONNECTIONS} connections", figure)
        report.at_most("11", f"{name}: p99/p50 at {MANY_CONNECTIONS} connections", figure.p99 / figure.p50, 4)


def _work(contender: Contender, raw: bytes) -> Work:
    return Work(contender.name, contender.port, expecting(200, raw), contender.cpu_seconds)


def _peer_work(peer: Peer, path: str) -> Work:
    return _work(peer.contender, _get(peer.contender, path, cookie=peer.cookie))


def _get(contender: Contender, path: str, **headers: str) -> bytes:
    return request("GET", f"127.0.0.1:{contender.port}", path, headers)
