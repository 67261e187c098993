"""Exempt references: which do not block, who said so, when and why; a document of the index.

The document is its history. Changes are added at the end and never taken out; what holds now
follows from them.
"""

from __future__ import annotations

import getpass
from collections.abc import Collection, Iterable
from datetime import datetime, timezone
from typing import Annotated, Literal

import msgspec

from memguard.errors import IndexUnavailableError
from memguard.files import checked_json, read_checked
from memguard.index.store.documents import EXEMPTIONS
from memguard.verdict import Exemption

Action = Literal["allow", "disallow", "quarantine", "release"]
"""``disallow`` undoes ``allow``, ``release`` undoes ``quarantine``."""

Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]

UNDONE_BY: dict[Action, Action] = {"allow": "disallow", "quarantine": "release"}


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of what is exempt.

    Attributes:
        action: see :data:`Action`.
        ids: of the references.
        chosen: how they were chosen, such as ``--licence CC0``; empty where ids were given.
        why: the reason, as it was given.
        who: the person or program.
        when: the time, ISO 8601, UTC.
    """

    action: Action
    ids: tuple[Id, ...]
    chosen: str
    why: str
    who: str
    when: str

    @classmethod
    def now(
        cls,
        action: Action,
        ids: Collection[str],
        *,
        why: str = "",
        who: str | None = None,
        chosen: str = "",
    ) -> Change:
        """A change of this moment, by the user of this process if nobody is named."""
        return cls(
            action,
            tuple(sorted(set(ids))),
            chosen=_line(chosen),
            why=_line(why),
            who=_line(_user() if who is None else who),
            when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )


class Exemptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is exempt from blocking, with its history.

    Attributes:
        history: every change, oldest first.
    """

    history: tuple[Change, ...] = ()

    @property
    def in_force(self) -> dict[str, Exemption]:
        """Id of each exempt reference to why it is exempt."""
        allowed: dict[str, Exemption] = dict.fromkeys(self.allowed, "allowed")
        return allowed | dict.fromkeys(self.quarantined, "quarantined")

    @property
    def allowed(self) -> dict[str, Change]:
        """Id of each allowed reference to the change that allowed it."""
        return self._in_force("allow")

    @property
    def quarantined(self) -> dict[str, Change]:
        """Id of each quarantined reference to the change that quarantined it."""
        return self._in_force("quarantine")

    def changed(self, change: Change) -> Exemptions:
        """With one change more."""
        return Exemptions((*self.history, change))

    def merged(self, others: Iterable[Exemptions]) -> Exemptions:
        """The changes of several, in the order of their times, each once."""
        every = dict.fromkeys(change for one in (self, *others) for change in one.history)
        return Exemptions(tuple(sorted(every, key=lambda change: change.when)))

    def to_bytes(self) -> bytes:
        """JSON with a checksum; what :meth:`from_bytes` reads."""
        return checked_json(msgspec.to_builtins(self))

    @classmethod
    def from_bytes(cls, data: bytes | None, index: str) -> Exemptions:
        """The inverse of :meth:`to_bytes`; of None, no exemptions.

        Args:
            data: the stored document.
            index: name of the index, for the error.

        Raises:
            IndexUnavailableError: the document is damaged.
        """
        if data is None:
            return cls()
        try:
            return msgspec.convert(read_checked(data), cls)
        except ValueError as error:
            raise IndexUnavailableError(
                f"the {EXEMPTIONS} of {index} is damaged ({error}); restore it from a backup, or "
                "delete it: then nothing is allowed and nothing quarantined"
            ) from error

    def _in_force(self, action: Action) -> dict[str, Change]:
        found: dict[str, Change] = {}
        for change in self.history:
            if change.action == action:
                found.update(dict.fromkeys(change.ids, change))
            elif change.action == UNDONE_BY[action]:
                for one in change.ids:
                    found.pop(one, None)
        return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return "unknown"


def _line(text: str) -> str:
    """The text on one line, without control characters."""
    return "".join(one if one.isprintable() else " " for one in text).strip()
