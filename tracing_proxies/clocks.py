"""The system's clocks, as they are where an application's tests have put others in their place.

Tools that freeze time exchange the functions of `time`, and whatever in a loaded module is one of them. These are not
found by them: they are of another kind. Where what stands in a clock's place is itself traced, reading it to begin a
span would begin another.
"""

from __future__ import annotations

import time
from functools import partial

monotonic = partial(time.monotonic)
perf_counter_ns = partial(time.perf_counter_ns)
thread_time_ns = partial(time.thread_time_ns)
time_ns = partial(time.time_ns)
