"""The SQL functions of authenticator apps."""

from typing import Any

from portal.db.engine import Querier
from portal.login.queries import Completed, completed


async def complete_totp_login(
    database: Querier, login: dict[str, Any], proof: dict[str, Any], actor: dict[str, Any], namespace: str
) -> Completed:
    """complete_login with a code, whose time step it uses up; outcome `used` where that was done before."""
    query = "select * from authn.complete_totp_login($1, $2, $3, $4)"
    return completed(await database.fetchrow(query, login, proof, actor, namespace))


async def complete_set_up_login(
    database: Querier, login: dict[str, Any], authenticator: dict[str, Any], actor: dict[str, Any], namespace: str
) -> Completed:
    """complete_login with an app that is enrolled in the same commit."""
    query = "select * from authn.complete_set_up_login($1, $2, $3, $4)"
    return completed(await database.fetchrow(query, login, authenticator, actor, namespace))
