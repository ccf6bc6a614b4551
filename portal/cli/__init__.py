"""The `portal` command. Each subcommand is a module of its own, imported when it is asked for: start-up stays short."""

import gc
import importlib

import click

from portal import __version__

_COMMANDS = {
    "serve": "portal.cli.serve",
    "migrate": "portal.cli.migrate",
    "doctor": "portal.cli.doctor",
    "users": "portal.cli.users",
    "invitations": "portal.cli.invitations",
    "clients": "portal.cli.clients",
    "namespaces": "portal.cli.namespaces",
    "keys": "portal.cli.keys",
    "cleanup": "portal.cli.cleanup",
    "backup": "portal.cli.backup",
    "restore": "portal.cli.backup",
    "restored": "portal.cli.restored",
}


class LateGroup(click.Group):
    """A group whose commands are imported late; each module has its command under the command's own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help text."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None for an unknown name."""
        if cmd_name not in _COMMANDS:
            return None
        # What an import makes stays: searching it for garbage again and again would be a seventh of the start.
        gc.disable()
        try:
            command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        finally:
            gc.enable()
        return command if isinstance(command, click.Command) else None


@click.group(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="portal")
def main() -> None:
    """Run and look after the login portal."""
