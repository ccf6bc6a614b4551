"""Goal 7: the authorization code flow, beside npm's oidc-provider with its in-memory store."""

from benchmarks.contenders.code_flow import CodeFlow
from benchmarks.counts import counts_of_portal
from benchmarks.measure import Work, interleave
from benchmarks.report import Report
from benchmarks.stage import Stage


async def code_flow(stage: Stage, report: Report) -> None:
    """Measure both providers: a person who is logged in and agreed, one request for a code and one for tokens."""
    counts = await counts_of_portal(stage)
    works = [_work(await stage.portal_code_flow()), _work(await stage.oidc_provider_code_flow())]
    own, peer = await interleave(works, stage.pace)
    report.figure("code flow", own, f"{counts.authorize} and {counts.token}")
    report.figure("code flow", peer)
    report.at_most("7", "code flow: times the CPU of npm's oidc-provider", own.cpu / peer.cpu, 2)
    report.at_most("7", "authorize: round trips", counts.authorize.round_trips, 4)
    report.at_most("7", "token: round trips", counts.token.round_trips, 6)


def _work(flow: CodeFlow) -> Work:
    return Work(flow.contender.name, flow.contender.port, flow.run, flow.contender.cpu_seconds)
