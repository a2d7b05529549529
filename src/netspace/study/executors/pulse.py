"""Signs of life of a process that trains: they come for as long as it computes."""

import threading
import time
from collections.abc import Callable

BEAT_SECONDS = 5.0
"""Time between two signs."""
LEAST_SHARE = 0.01
"""Of one core that a process uses at least if it is at work: one that is stopped, or waits for ever, uses none."""


def beat(tell: Callable[[int], None]) -> None:
    """Have `tell` called with a growing number every few seconds in which this process has computed.

    It is called by a thread of its own, for as long as the process lives.
    """

    def watch() -> None:
        number, used = 0, time.process_time()
        while True:
            time.sleep(BEAT_SECONDS)
            before, used = used, time.process_time()
            if used - before >= LEAST_SHARE * BEAT_SECONDS:
                number += 1
                tell(number)

    threading.Thread(target=watch, daemon=True).start()
