"""The verdicts of the latest guarded call, in this thread or asyncio task."""

from __future__ import annotations

from contextvars import Context, ContextVar
from weakref import WeakKeyDictionary

from memguard.errors import NoVerdictsError
from memguard.verdict import Verdict

ELSEWHERE = (
    "verdicts are kept for each thread and asyncio task; from another, take them with the output: "
    "output, verdicts = guard.call(pipe, ...)"
)

Latest = WeakKeyDictionary[object, tuple[Verdict, ...] | None]

_latest: ContextVar[Latest] = ContextVar("memguard_latest")
"""By guard; None where its latest call has no verdicts. Never changed in place: threads and tasks
begin with the dictionary of whoever started them."""


def keep(guard: object, verdicts: tuple[Verdict, ...] | None) -> None:
    """Remember the verdicts of a guard's latest call; None where there are none yet."""
    kept: Latest = WeakKeyDictionary(_latest.get(None) or {})
    kept[guard] = verdicts
    _latest.set(kept)


def latest(guard: object) -> tuple[Verdict, ...]:
    """The verdicts of a guard's latest call here.

    Raises:
        NoVerdictsError: there was no call here, or its images were not checked.
    """
    known = _latest.get(None)
    if known is None or guard not in known:
        raise NoVerdictsError(f"no guarded call has been made here yet; {ELSEWHERE}")
    verdicts = known[guard]
    if verdicts is None:
        raise NoVerdictsError(
            f"the latest guarded call here ended before its images were checked; {ELSEWHERE}"
        )
    return verdicts


def keep_all(context: Context) -> None:
    """Remember here what was remembered in a context that began as a copy of this one."""
    if _latest in context:
        _latest.set(context[_latest])
