"""How much masking has hidden in this process, by what it was: for whoever watches it."""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

BY_KEY: Final = "key"
"""What was hidden because of the name that it stood under, whatever it was."""

counted: Final[Counter[str]] = Counter()

# Once: what is registered for a fork can never be taken back.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=counted.clear)
