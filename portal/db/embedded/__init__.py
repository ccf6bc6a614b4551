"""PostgreSQL without an installation: started with the first process that needs it, stopped with the last.

`supervisor` ties the parts together: `binaries` finds a PostgreSQL, `account` decides as whom it runs, `cluster` makes
the data folder and the command line, `postmaster` starts and stops the server process, `probe` asks whether it answers.
"""

from portal.db.embedded.supervisor import EmbeddedPostgres, EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
