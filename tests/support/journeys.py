"""People who log in again and again while something happens to the servers."""

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Journey = Callable[[], None]


@dataclass
class Crowd:
    """What came of the journeys so far."""

    finished: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, failure: str | None) -> None:
        with self._lock:
            self.finished += 1
            if failure:
                self.failures.append(failure)

    def assert_all_arrived(self, at_least: int) -> None:
        """Every journey ended where it should, and there were enough of them to mean something."""
        assert not self.failures, f"{len(self.failures)} of {self.finished} failed, first:\n{self.failures[0]}"
        assert self.finished >= at_least


@contextmanager
def crowd(journey: Journey, people: int) -> Iterator[Crowd]:
    """Let so many people repeat a journey, each as fast as it goes, until the block ends."""
    seen, enough = Crowd(), threading.Event()

    def live() -> None:
        while not enough.is_set():
            try:
                journey()
            except Exception:
                seen.note(f"at {time.strftime('%H:%M:%S')}: {traceback.format_exc()}")
            else:
                seen.note(None)

    threads = [threading.Thread(target=live) for _ in range(people)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        enough.set()
        for thread in threads:
            thread.join()
