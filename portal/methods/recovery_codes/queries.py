"""The SQL functions of recovery codes."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.queries import Completed, completed


class CodesLeft(NamedTuple):
    """What a person has of recovery codes. `demanded` says whether a login asks for a second step at all."""

    made: bool
    left: int
    demanded: bool


async def complete_recovery_code_login(
    database: Querier, login: dict[str, Any], proof: dict[str, Any], actor: dict[str, Any], namespace: str
) -> Completed:
    """complete_login with a recovery code, which it uses up; outcome `used` where that was done before."""
    query = "select * from authn.complete_recovery_code_login($1, $2, $3, $4)"
    return completed(await database.fetchrow(query, login, proof, actor, namespace))


async def count_codes(database: Querier, user_id: str, namespace: str) -> CodesLeft:
    """Return how many codes a person has left."""
    row = await database.fetchrow("select * from authn.count_recovery_codes($1, $2)", UUID(user_id), namespace)
    return CodesLeft(row["made"], row["codes_left"], row["demanded"])
