"""The Dockerfile without Docker: its RUN, HEALTHCHECK and CMD lines in an empty folder, as an ordinary user."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment.installed.stranger import Stranger, a_stranger, an_address, give
from tests.support.server import ROOT

NEEDS_ROOT = "RUN useradd"  # makes the account of the image; here its part is played by an ordinary user


@dataclass
class Image:
    """What a line after the other makes; absolute paths of the image are folders below the stranger's."""

    stranger: Stranger
    folder: Path
    commands: dict[str, list[str]] = field(default_factory=dict)

    def build(self) -> None:
        # The base image's Python is called python.
        python = self.stranger.run("/bin/sh", "-c", "command -v python3").strip()
        self.stranger.run("mkdir", "base")
        self.stranger.run("ln", "-s", python, "base/python")
        self.stranger.environment["PATH"] += f":{self.stranger.folder}/base"
        for line in instructions():
            word, _, rest = line.partition(" ")
            if word == "ENV":
                for name, value in re.findall(r"(\w+)=(\S+)", self.here(rest)):
                    self.stranger.environment[name] = value.replace("$PATH", self.stranger.environment["PATH"])
            elif word == "WORKDIR":
                self.folder = Path(self.here(rest))
                self.stranger.run("mkdir", "-p", self.folder, cwd=self.stranger.folder)
            elif word == "COPY" and not rest.startswith("--from"):
                *sources, place = rest.split()
                for source in sources:
                    give(self.stranger, ROOT / source, self.folder / place / (source if place == "./" else ""))
            elif word == "RUN" and not line.startswith(NEEDS_ROOT):
                self.stranger.run("/bin/sh", "-ec", self.here(rest), cwd=self.folder)
            elif word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
                self.commands[word] = json.loads(self.here(rest[rest.index("[") :]))

    def here(self, text: str) -> str:
        """The text with the image's own folders moved below the stranger's."""
        return re.sub(r"(?<![\w.)])/(portal|build|data)\b", rf"{self.stranger.folder}/\1", text)


def instructions() -> Iterator[str]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            yield line.strip()


def test_the_lines_of_the_dockerfile_make_a_portal_that_serves_and_is_healthy() -> None:
    with a_stranger() as stranger:
        image = Image(stranger, stranger.folder)
        image.build()
        # Where the portal lies in the image there is nothing of the build but its environment.
        stranger.run("rm", "-r", stranger.folder / "build")
        url = an_address()
        port = url.rpartition(":")[2]
        command = [word.replace("8000", port) for word in image.commands["ENTRYPOINT"] + image.commands["CMD"]]
        portal = stranger.folder / "portal" / "bin" / "portal"
        assert command == ["portal", "serve", "--host", "0.0.0.0", "--port", port]
        with stranger.serving(["/usr/bin/env", *command], url):
            stranger.run("/usr/bin/env", *(word.replace("8000", port) for word in image.commands["HEALTHCHECK"]))
            stranger.make_account(portal, url)
            stranger.logs_in_with_curl(url)
        assert '"event":"serving"' in stranger.log(), "the image logs JSON"
        assert (stranger.folder / "data" / "secret_key").exists(), "the data belongs on the volume"


def test_the_image_runs_as_an_ordinary_user_and_is_made_in_two_stages() -> None:
    lines = list(instructions())
    stages = [line for line in lines if line.startswith("FROM")]
    assert len(stages) == 2
    assert all(re.match(r"FROM python:3\.\d+-slim( AS build)?$", stage) for stage in stages), (
        "musl has no wheels of ours"
    )
    last = lines[lines.index(stages[1]) :]
    assert last.index("USER portal") < next(n for n, line in enumerate(last) if line.startswith("CMD"))
    assert "STOPSIGNAL SIGTERM" in last
    assert not [line for line in last if "pip install" in line]
