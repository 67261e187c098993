"""The service's requests and answers, for OpenAPI.

A verdict is what :meth:`memguard.Verdict.to_json` gives.
"""

from __future__ import annotations

from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict, Field

from memguard.verdict import Exemption, Label, View

Points = list[tuple[float, float]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Base64Image(_Model):
    """An encoded image file."""

    base64: str = Field(description="The file in base64, or a data URL.")
    name: Optional[str] = Field(None, description="What the answer calls it.")


class UrlImage(_Model):
    """An image behind an address whose host the service allows."""

    url: str


class CheckRequest(_Model):
    """Images to check."""

    images: list[Base64Image | UrlImage] = Field(min_length=1)


class SignalModel(_Model):
    """The smallest distance found by one signal, and its thresholds."""

    name: str
    distance: float
    similar: float
    memorized: Optional[float]


class RegionModel(_Model):
    """The part of a training image that is seen again; corners as shares of width and height."""

    reference: Points
    query: Points
    share_of_reference: float
    share_of_query: float


class MatchModel(_Model):
    """A training image near the checked one. For operators: do not show it to end users."""

    id: str
    uri: str
    view: View
    distances: dict[str, float]
    copies: int = Field(description="Files of the training set with exactly these bytes.")
    duplicates: int = Field(description="Training images that are nearly this one.")
    caption: Optional[str]
    rights: Optional[str]
    url: Optional[str]
    region: Optional[RegionModel]
    shared_by: int
    exempt: Optional[Exemption]


class VerdictModel(_Model):
    """The decision for one image."""

    label: Label
    score: float = Field(description="From 1 up memorized, from 0.5 up similar.")
    signals: list[SignalModel]
    matches: list[MatchModel]
    why: str
    attempt: int


class CheckedImage(_Model):
    """One image with its verdict."""

    name: str
    sha256: str = Field(description="Of the bytes that were sent.")
    block: bool = Field(description="Whether the image must not be shown.")
    verdict: VerdictModel


class IndexModel(_Model):
    """What the images were checked against."""

    name: str
    references: int
    fingerprint: Optional[str]
    calibration: Optional[str]


class CheckResponse(_Model):
    """The answer, in the order of the request."""

    request: str = Field(description="Names this request in the audit log.")
    index: IndexModel
    images: list[CheckedImage]


class Problem(_Model):
    """Why there is no answer."""

    detail: str


class Ready(_Model):
    """Whether checks can be relied on."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    references: int
