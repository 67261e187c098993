"""The fields of a line: the one schema, and its version."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = 1
"""Version of the schema. It grows when a field is removed or changes its meaning; new fields may
come at any time."""


class LoggedIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The index at the version that images were checked against.

    Attributes:
        name: its directory or address.
        revision: its number; None for an index in Milvus, which has no versions.
        fingerprint: SHA-256 of its manifest, and so of all that it holds; None for an index that
            has none.
    """

    name: str
    revision: int | None
    fingerprint: str | None


class LoggedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What was to be done about verdicts.

    Attributes:
        action, at, attempts: those of :class:`memguard.Policy`.
        enforce: the share of request keys for which it is done.
        enforced: whether it was done for this request.
    """

    action: str
    at: str
    attempts: int
    enforce: float
    enforced: bool


class LoggedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that may decide: the smallest distance found, and its thresholds.

    Attributes:
        name, distance, similar, memorized: those of :class:`memguard.Signal`.
    """

    name: str
    distance: float | None
    similar: float
    memorized: float | None


class LoggedGuidance(msgspec.Struct, frozen=True, kw_only=True):
    """How far the prompt moved the first denoising step.

    Attributes:
        value, timestep, read, threshold: those of :class:`memguard.TextGuidance`.
    """

    value: float | None
    timestep: float
    read: str
    threshold: float | None


class LoggedMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A reference near the image. For operators: it names a training image.

    Attributes:
        id, uri, view, shared_by: those of :class:`memguard.Match`.
        distances: signal name to distance.
        exempt: why it does not block, if it is exempt.
    """

    id: str
    uri: str
    view: str
    distances: dict[str, float | None]
    shared_by: int
    exempt: str | None = None


class LoggedTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What a second calibration says, which decides nothing.

    Attributes:
        calibration: its id.
        label: the label that it gives.
    """

    calibration: str
    label: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One check of one image.

    Attributes:
        schema: see :data:`SCHEMA`.
        time: when it was written, UTC, ISO 8601 with milliseconds.
        memguard: the version that wrote it.
        request: the key of the call: the caller's (:func:`memguard.request_key`), or a random one.
        position, images: which image of how many in the call, from 0.
        attempt: 0 for a first generation, n for the n-th regeneration.
        image_sha256: of the pixels (:func:`memguard.audit_log.hashes.image_sha256`); None where the
            image could not be read. Of a video, that of its frames' hashes one after the other.
        prompt_sha256: of the prompt's UTF-8; None where the call has no text as ``prompt``.
        index: see :class:`LoggedIndex`.
        calibration: SHA-256 of the calibration that gave the thresholds; None for the defaults.
        thorough: whether the check was thorough.
        ran: the signals that were measured on any of the matches. Empty where nothing was near, or
            the image was not compared.
        signals: see :class:`LoggedSignal`.
        matches: the nearest references, the strongest first.
        label, score, why: those of :class:`memguard.Verdict`.
        action: what became of the image; ``discarded`` for one that was generated again, and
            ``returned`` where ``Guard.check`` was asked and its caller decides.
        would: what the policy would have done, had it been enforced; None where it was, or where it
            would have shown the image.
        policy: see :class:`LoggedPolicy`; None for ``returned``.
        on_error: the guard's.
        trial: see :class:`LoggedTrial`; None without one.
        milliseconds: stage to time, of the whole call: ``generate``, ``check`` and, as parts of it,
            ``describe``, ``search``, ``compare``, ``decide``; ``regenerate``.
        text_guidance: see :class:`LoggedGuidance`; None where it was not read.
    """

    schema: int
    time: str
    memguard: str
    request: str
    position: int
    images: int
    attempt: int
    image_sha256: str | None
    prompt_sha256: str | None
    index: LoggedIndex
    calibration: str | None
    thorough: bool
    ran: list[str]
    signals: list[LoggedSignal]
    matches: list[LoggedMatch]
    label: str
    score: float
    why: str
    action: Literal["shown", "blocked", "regenerated", "raised", "discarded", "returned"]
    would: str | None
    policy: LoggedPolicy | None
    on_error: str
    trial: LoggedTrial | None
    milliseconds: dict[str, float]
    text_guidance: LoggedGuidance | None = None


class Line(Entry, frozen=True, kw_only=True):
    """An entry in a log.

    Attributes:
        number: from 1, over all files of the log.
        previous: the seal of the line before; 64 zeros for the first.
        seal: SHA-256 of this line's bytes without ``,"seal":"..."``, or their HMAC-SHA256.
    """

    number: int
    previous: str
    seal: str
