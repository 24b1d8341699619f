"""What place and route has made of each board's default core, as it was recorded."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).with_name("results.json")


@cache
def recorded() -> Mapping[str, Mapping[str, Any]]:
    """The records by board; examples/boards/place_and_route.py writes them."""
    return json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
