"""The engines of this process: models with the same settings share one, and one that died is started anew."""

from __future__ import annotations

import atexit
import threading
from weakref import WeakSet

from llmapps.models.engine import Engine, EngineSettings

_engines: dict[EngineSettings, Engine] = {}
_users: dict[EngineSettings, WeakSet[EngineUser]] = {}
_lock = threading.Lock()


class EngineUser:
    """A model's hold on the engine with its settings; may be used from several threads."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings

    def engine(self) -> Engine:
        """The running engine, perhaps still loading; started if there is none or the last one has died.

        Raises:
            ProviderError: its process cannot be started.
        """
        with _lock:
            engine = _engines.get(self.settings)
            if engine is None or not engine.is_usable():
                if engine is not None:
                    engine.close()
                engine = _engines[self.settings] = Engine.start(self.settings)
            _users.setdefault(self.settings, WeakSet()).add(self)
            return engine

    def release(self) -> None:
        """Give up the hold; the engine ends with its last holder. The next `engine()` takes it up again."""
        with _lock:
            holders = _users.get(self.settings, WeakSet())
            holders.discard(self)
            if not holders and (engine := _engines.pop(self.settings, None)):
                engine.close()


@atexit.register
def close_engines() -> None:
    """End every engine of this process."""
    with _lock:
        while _engines:
            _engines.popitem()[1].close()
