"""Where an exported model goes: one process at a time, and whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys

from .. import _core
from . import ExportError

__all__ = ["Place", "say"]

# A folder alone is locked; a link that leads nowhere is not waited for.
LOCKED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def say(text: str) -> None:
    print(f"pipilo: {text}", file=sys.stderr, flush=True)


class Place:
    """The folder `out`, or `name` in the model home, for the length of a `with`.

    `work` is a folder beside it for who makes the model, None where the model is there and `keep`
    leaves it alone. The working folder is also the lock: who has it locked owns it, and what an
    export that was killed left in it goes.
    """

    def __init__(self, name: str, out: str | None, force: bool, keep: bool, quiet: bool):
        self.folder = os.path.abspath(out or os.path.join(_core.models_home(), name))
        self.work: str | None = None
        self._force, self._keep, self._quiet = force, keep, quiet
        self._name = name
        parent, last = os.path.split(self.folder)
        self._busy = os.path.join(parent, f".export-{last}")
        self._lock = -1

    def __enter__(self) -> Place:
        try:
            if self._is_there():  # before anything is waited for
                return self
            self._lock = self._take_lock()
            if self._is_there():
                self._give_lock()
                return self
            self._empty()
        except OSError as error:
            self._give_lock()
            raise ExportError("io_error", f"{error.filename}: {error.strerror}") from error
        except BaseException:
            self._give_lock()
            raise
        self.work = self._busy
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._give_lock()

    def take(self, made: str) -> None:
        """Moves the folder `made` to its place, in place of one that was there."""
        old = os.path.join(self._busy, "old")
        try:
            if os.path.lexists(self.folder):
                os.rename(self.folder, old)
            os.rename(made, self.folder)
        except OSError as error:
            if os.path.exists(old):
                os.rename(old, self.folder)
            raise ExportError("io_error", f"{self.folder}: {error.strerror}") from error

    def _is_there(self) -> bool:
        if self._force or not os.path.lexists(self.folder):
            return False
        if self._keep:
            return True
        raise ExportError("already_exists", f"{self.folder} is there already (--force replaces it)")

    def _take_lock(self) -> int:
        told = self._quiet and not self._keep
        while True:
            os.makedirs(os.path.dirname(self._busy), exist_ok=True)
            # Who makes the folder and who finds one go on alike: what is there is asked by opening it,
            # as between two questions the one before may end and take it away.
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._busy)
            try:
                lock = os.open(self._busy, LOCKED)
            except FileNotFoundError:  # the one before has just ended
                continue
            try:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if not told:
                        say(f"{self._name} is being made by another process; waiting for it")
                    told = True
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(lock), os.stat(self._busy)):
                    return lock
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)  # of a folder that has gone meanwhile

    def _empty(self) -> None:
        for entry in os.scandir(self._busy):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def _give_lock(self) -> None:
        if self._lock >= 0:
            shutil.rmtree(self._busy, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1
