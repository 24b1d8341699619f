"""A real browser without a screen: what it draws, and what it says on its console."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1150,2400",
    "--virtual-time-budget=8000",
    "--enable-logging=stderr",
)
_CONSOLE = re.compile(r'INFO:CONSOLE[^\]]*\] "(.*)", source:')


def find_browser() -> str:
    """The browser's command; the test is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium here (Debian: apt-get install chromium)")


@dataclass(frozen=True)
class Seen:
    """The document after its scripts, lines of the console, distinct colours of the picture."""

    document: str
    console: list[str]
    colors: int


@dataclass(frozen=True)
class Browser:
    """Opens files, each in a session of its own."""

    command: str

    def open(self, file: Path) -> Seen:
        document = self._run(file, "--dump-dom")
        picture = file.with_suffix(".png")
        self._run(file, f"--screenshot={picture}")
        return Seen(document.stdout, _CONSOLE.findall(document.stderr), _colors(picture))

    def _run(self, file: Path, action: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            return subprocess.run(
                [self.command, *_OPTIONS, f"--user-data-dir={profile}", action, file.as_uri()],
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            )


def _colors(picture: Path) -> int:
    from PIL import Image

    with Image.open(picture) as image:
        return len(image.convert("RGB").getcolors(1 << 24))
