"""The `--db` option: the same words in every verb, and no empty database made by a slip.

A command that only makes sense on what is there refuses a database that is not: an empty one would
answer "nothing ends soon", or "nothing waits", and look like good news.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from roadseal.errors import RoadsealError

_ENVIRONMENT = "ROADSEAL_DB"


def _existing(*makers: str) -> Any:
    def check(db: str) -> str:
        from roadseal.store import exists

        if exists(db):
            return db
        ways = " or ".join(makers)
        raise RoadsealError(
            "database-absent",
            f"There is no database {db}.",
            advice=f"Name yours with --db or {_ENVIRONMENT}, or make one with {ways}.",
        )

    return typer.Option("--db", envvar=_ENVIRONMENT, help="Path or URL.", callback=check)


Database = Annotated[
    str, typer.Option("--db", envvar=_ENVIRONMENT, help="Path or URL; made if it is not there.")
]
"""Of commands that may be the first to put something into it."""

EstateDatabase = Annotated[str, _existing("`roadseal estate import`")]
PkiDatabase = Annotated[str, _existing("`roadseal pki init`", "`roadseal pki ceremony`")]
FleetDatabase = Annotated[
    str, _existing("`roadseal campaign enlist`", "`roadseal campaign simulate`")
]
ScmsDatabase = Annotated[str, _existing("`roadseal scms init`")]
