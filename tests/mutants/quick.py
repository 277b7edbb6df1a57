"""A plugin of pytest: the same examples for each mutant, a failing one not made smaller, and memory that has an end."""

from __future__ import annotations

import resource

from hypothesis import Phase, settings

_MEMORY = 6 * 2**30

settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), derandomize=True)
settings.load_profile("mutants")
resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
