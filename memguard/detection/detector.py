"""Images in, verdicts out: describe, search, verify, decide.

query -> views -> descriptors -> nearest references of each -> candidates -> verification
      -> the smallest distance in each signal, against its thresholds -> verdict
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from operator import itemgetter

from PIL import Image

from memguard.descriptors import Descriptor
from memguard.detection import decision
from memguard.detection.candidates import compare_vectors, described_views
from memguard.detection.common_parts import is_small_part, sharing
from memguard.detection.decision import Rank, gravest
from memguard.detection.exempt import exempt_among, search_counting
from memguard.detection.picture_pair import PicturePair
from memguard.detection.readings import readings
from memguard.detection.screening import may_screen, screen
from memguard.detection.seen_again import region_seen_again
from memguard.detection.signals import default_thresholds, signal_table
from memguard.detection.verification import relate
from memguard.detection.verification import verify as in_full
from memguard.index import Index
from memguard.index.record import Record
from memguard.signal_type import Threshold
from memguard.stages import stage
from memguard.threads import Threads
from memguard.verdict import Exemption, Label, Match, Verdict, View
from memguard.vision.picture import BLANK_STD, Picture

NO_RECORDS: Mapping[str, Record] = {}

Verify = Callable[[PicturePair], dict[str, float]]
"""A view of a query and a reference -> picture signal to distance."""


@dataclass(frozen=True)
class _Candidate:
    """A reference as one view of a query found it.

    Attributes:
        record: the reference.
        view: how the query is seen.
        pair: both, or None if the index has no pixels of the reference.
        exempt: why it does not count, or None.
        distances: those of descriptors.
    """

    record: Record
    view: View
    pair: PicturePair | None
    exempt: Exemption | None
    distances: dict[str, float]


class Detector:
    """Decides whether images copy references of an index.

    Args:
        index: the training set.
        descriptors: those of the index, loaded (:func:`memguard.descriptors.load_descriptors`).
        thresholds: signal name to thresholds; signals without any are measured and shown only. By
            default those of :mod:`memguard.detection.signals`.
        rates: label to the false-positive rate that its thresholds were chosen for.
        calibration: the id of the calibration that chose them, for records; None for none.
        thorough: also look for references inside parts of each image, in quarter turns and within
            a border.
        threads: images of a batch that are worked on at once.
        verify: compares a view of a query with a reference.

    Attributes:
        exempt: id to why this reference does not block; see :meth:`exempting`.
        signals: what the index and its descriptors can measure, by name.

    Raises:
        ConfigurationError: two signals have the same name, or ``threads`` is less than 1.
    """

    def __init__(
        self,
        index: Index,
        descriptors: Sequence[Descriptor],
        thresholds: Mapping[str, Threshold] | None = None,
        *,
        rates: Mapping[Label, float] | None = None,
        calibration: str | None = None,
        thorough: bool = False,
        threads: int = 1,
        verify: Verify = in_full,
    ) -> None:
        self.index = index
        self.descriptors = descriptors
        self.signals = signal_table(descriptors)
        self.thresholds = default_thresholds(self.signals) if thresholds is None else thresholds
        self.rates = rates or {}
        self.calibration = calibration
        self.thorough = thorough
        self.verify = verify
        self._threads = Threads(threads)
        self.exempt: Mapping[str, Exemption] = {}
        self._counted = index

    def exempting(self, exempt: Mapping[str, Exemption]) -> Detector:
        """The same detector, for which these references, and those it exempts already, are exempt.

        An exempt reference's exact duplicates are exempt with it: files of the same bytes, and
        references whose thumbnails are equal byte for byte. What merely resembles it is not. Exempt
        references take no other's place: verdicts have the labels that they would have if the index
        did not hold them.

        Args:
            exempt: id to the reason; ids that the index does not hold change nothing.
        """
        if not exempt:
            return self
        other = copy(self)
        other.exempt = {**self.exempt, **exempt}
        other._counted = self._counted.excluding([*exempt])
        return other

    def counting_all(self) -> Detector:
        """The same detector, for which no reference is exempt."""
        other = copy(self)
        other.exempt, other._counted = {}, self.index
        return other

    def excluding(self, ids: Collection[str]) -> Detector:
        """The same detector on an index without these references."""
        other = copy(self)
        other.index, other._counted = self.index.excluding(ids), self._counted.excluding(ids)
        return other

    def detect(self, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, in order; images of any mode and size.

        Of an image that may be seen in several ways (:mod:`memguard.detection.readings`), the
        gravest verdict. It is that of :meth:`find_matches` and :meth:`judge`, but the matches of
        an image that no reference comes near have only the distances that were needed to tell
        (:mod:`memguard.detection.screening`).
        """
        seen = self._threads.each(readings, images)
        found = iter(self._candidates([one.picture for each in seen for one in each]))
        candidates = [[next(found) for _ in each] for each in seen]

        def verdict(at: int) -> Verdict:
            if not seen[at]:
                return Verdict("uninformative", 0.0, why=_why_blank(Picture(images[at])))
            compared = zip(seen[at], candidates[at], strict=True)
            return gravest([one.placed(self._verdict(one.picture, near)) for one, near in compared])

        return self._threads.each(verdict, range(len(images)))

    def find_matches(
        self,
        queries: Sequence[Picture],
        excluded_ids: Sequence[str] = (),
        extra_neighbours: int = 0,
    ) -> list[list[Match]]:
        """Every candidate of every query, with its distance in every signal.

        Args:
            queries: none of them blank.
            excluded_ids: by query, the id of a reference to exclude; empty to exclude none.
            extra_neighbours: neighbours searched besides the usual ones, by each descriptor.

        Returns:
            By query, one match per reference as the view sees it that ranks highest; the matches
            that rank highest first.
        """
        found = self._candidates(queries, excluded_ids, extra_neighbours)
        return [self._matches(candidates, self._compared(candidates)) for candidates in found]

    def _verdict(self, query: Picture, candidates: Sequence[_Candidate]) -> Verdict:
        if self.verify is in_full and may_screen(self.thresholds):
            pictured = [one for one in candidates if one.pair is not None]
            screened = screen(
                [one.pair for one in pictured if one.pair is not None],
                [one.distances for one in pictured],
                [one.exempt is None for one in pictured],
            )
            matches = self._matches(candidates, _merged(candidates, screened))
            if not matches or self._rank(matches[0])[0] == 0:
                with stage("decide"):
                    return self.decide(matches)
        records = {one.record.id: one.record for one in candidates}
        return self.judge(query, self._matches(candidates, self._compared(candidates)), records)

    def _candidates(
        self,
        queries: Sequence[Picture],
        excluded_ids: Sequence[str] = (),
        extra_neighbours: int = 0,
    ) -> list[list[_Candidate]]:
        """By query, the candidates of each view."""
        if not queries:
            return []
        queried = described_views(
            queries, self.descriptors, thorough=self.thorough, threads=self._threads
        )
        candidates, records = search_counting(
            self.index, self._counted, self.descriptors, queried, extra_neighbours, self.exempt
        )
        exempt = exempt_among(records.values(), self.exempt)
        references = {row: r.picture() for row, r in records.items() if r.has_pixels}
        blank = {row for row, record in records.items() if record.blank}
        found: list[list[_Candidate]] = [[] for _ in queries]
        for one, rows in zip(queried, candidates, strict=True):
            excluded = excluded_ids[one.query] if excluded_ids else ""
            near = [row for row in sorted(rows - blank) if records[row].id != excluded]
            compared = compare_vectors(
                self.index, self.descriptors, one.vectors, [records[row] for row in near]
            )
            for row, distances in zip(near, compared, strict=True):
                record = records[row]
                pair = PicturePair(one.picture, references[row]) if row in references else None
                found[one.query].append(
                    _Candidate(record, one.view, pair, exempt.get(record.id), distances)
                )
        return found

    def _compared(self, candidates: Sequence[_Candidate]) -> list[dict[str, float]]:
        """The distances of one query's candidates in every signal."""
        pictured = [(one, one.pair) for one in candidates if one.pair is not None]
        verified = [one.distances | self.verify(pair) for one, pair in pictured]
        relate(verified)
        counted = [
            distances
            for (one, _), distances in zip(pictured, verified, strict=True)
            if one.exempt is None
        ]
        if len(counted) < len(verified):
            relate(counted)
        return _merged(candidates, verified)

    def _matches(
        self, candidates: Sequence[_Candidate], distances: Sequence[dict[str, float]]
    ) -> list[Match]:
        """One match per reference, the highest first."""
        highest: dict[str, tuple[Rank, Match]] = {}
        for one, measured in zip(candidates, distances, strict=True):
            match = _match(one.record, one.view, measured, one.exempt)
            ranked = self._rank(match), match
            if ranked[0] > highest.setdefault(match.id, ranked)[0]:
                highest[match.id] = ranked
        return [match for _, match in sorted(highest.values(), key=itemgetter(0), reverse=True)]

    @stage("decide")
    def judge(
        self, query: Picture, matches: Sequence[Match], records: Mapping[str, Record] = NO_RECORDS
    ) -> Verdict:
        """The verdict on a query with these matches, and the regions of those that it shows.

        Matches that would block for a small part that unlike references share, such as a logo,
        only flag (:mod:`memguard.detection.common_parts`).

        Args:
            query: the image.
            matches: of it.
            records: by id, those that are at hand; others are looked up.
        """
        verdict = self.decide(matches)
        if verdict.label == "memorized":
            exempt = [match for match in matches if not match.counts]
            matches = [match for match in matches if match.counts]
            if is_small_part(self._located(query, matches[0], records)[0]):
                verdict = self.decide([*self._weighed(query, matches, records), *exempt])
        located = tuple(self._located(query, match, records)[0] for match in verdict.matches)
        return replace(verdict, matches=located)

    def decide(self, matches: Sequence[Match]) -> Verdict:
        """The verdict on a query with these matches, by their distances alone."""
        return decision.decide(matches, self.thresholds, self.rates)

    def _weighed(
        self, query: Picture, matches: Sequence[Match], records: Mapping[str, Record]
    ) -> list[Match]:
        """The matches, the strongest first, with how many references share each small part."""
        located, pictures = [], {}
        for match in matches:
            one, picture = self._located(query, match, records)
            located.append(one)
            if picture is not None:
                pictures[one.id] = picture
        seen_again = [match for match in located if match.region is not None]
        weighed = [
            replace(match, shared_by=sharing(match, seen_again, pictures))
            if self.decide([match]).label == "memorized" and is_small_part(match)
            else match
            for match in located
        ]
        return sorted(weighed, key=self._rank, reverse=True)

    def _located(
        self, query: Picture, match: Match, records: Mapping[str, Record]
    ) -> tuple[Match, Picture | None]:
        """A match with its region, and its reference; neither if the match alone is clear, or if
        the index has no pixels of it (any more).
        """
        if self._rank(match)[0] == 0:
            return match, None
        record = records.get(match.id) or self.index.find(match.id)
        if record is None or not record.has_pixels:
            return match, None
        picture = record.picture()
        return replace(match, region=region_seen_again(query, match, picture)), picture

    def _rank(self, match: Match) -> Rank:
        return decision.rank(match, self.thresholds)


def _why_blank(picture: Picture) -> str:
    if float(picture.square.mean()) < BLANK_STD:
        return "the image is black, as numbers that overflow in a VAE or a safety checker make it"
    return "the image is blank"


def _merged(
    candidates: Sequence[_Candidate], measured: Sequence[dict[str, float]]
) -> list[dict[str, float]]:
    """The distances of each candidate, with what was measured of those that have pixels."""
    rest = iter(measured)
    return [one.distances if one.pair is None else one.distances | next(rest) for one in candidates]


def _match(
    record: Record, view: View, distances: dict[str, float], exempt: Exemption | None
) -> Match:
    return Match(
        id=record.id,
        uri=record.uri,
        view=view,
        distances=distances,
        exact_duplicates=record.exact_duplicates,
        near_duplicates=record.near_duplicates,
        caption=record.caption,
        rights=record.rights,
        url=record.url,
        exempt=exempt,
        thumbnail=record.thumbnail,
    )
