"""What people's words for places, bins, trucks and streams mean (law 5); unknown or ambiguous words become questions.

Pure: the records' names go in, resolved values come out. An exact name wins over a longer name that contains it, and
nothing guesses between equals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians

from rapidfuzz.distance import OSA

from domain.bin_ids import SHORTEST_ALONE, BinIds
from domain.errors import AmbiguousName, OutOfRange, UnknownName
from domain.name_words import BIN_WORDS, tokens
from domain.names import ACCEPTED, CHOICES, CODE, PARENTHESES, Exactness, Match, Named, NameIndex, Verdict
from domain.stream_words import StreamWords
from domain.trucks import Fleet
from domain.values import BinSet, Place, TruckSet

METRES_PER_DEGREE = 111_195.0  # mean length of a degree of latitude, spherical earth of 6,371 km
TWIN_M = 150.0  # two records of one site stand within this distance
SHORTEST_TWIN = 8  # shorter names are too alike by chance
WITHIN = re.compile(
    r"^\s*(?:within|inside|less than)\s+[\d.,]+\s*(?:k?m|(?:kilo)?met(?:re|er)s?|feet|ft)\b(?:\s+(?:of|from))?"
)
NUMBER = r"(-?\d{1,3}(?:\.\d+)?)\s*°?\s*"
POINT = re.compile(
    rf"^[\s(\[]*(?:lat\w*[\s:=]*)?{NUMBER}([ns])?\s*[,;/\s]\s*(?:(?:lon|lng)\w*[\s:=]*)?{NUMBER}([ewo])?\W*$", re.I
)
ALL_BINS = frozenset({("all",), ("every",), ("all", "of"), ("todo",), ("alle",), ("tou",), ("everything",)})
JOINERS = re.compile(r"\s*(?:,|;|\+|\band\b|\bplus\b|\by\b|\bund\b|\bet\b|&)\s*", re.I)


@dataclass(frozen=True)
class SiteName:
    """A site as the records name it, and what people call it."""

    site_id: str
    name: str
    lat: float
    lon: float
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class AreaName:
    """A zone, neighbourhood, circuit, street or landmark. `site_ids` when the records say what it holds."""

    name: str
    kind: str
    lat: float
    lon: float
    radius_m: float | None = None
    site_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class BinName:
    """A bin: its id, the site it stands at, its stream by the records' name."""

    bin_id: str
    site_id: str
    stream: str


def distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Metres between two points, on a plane that touches the earth between them (right to 0.1 % within a city)."""
    shrink = cos(radians((lat + other_lat) / 2))
    return METRES_PER_DEGREE * hypot(lat - other_lat, (lon - other_lon) * shrink)


def point_of(words: str) -> Place | None:
    """Coordinates written out ("37.87,-122.26", "37.87 N, 122.26 W"), latitude first; None for other words.

    Raises OutOfRange for coordinates that are not on the earth.
    """
    found = POINT.match(words.strip())
    if not found or ("." not in found[0] and not found[2] and not found[4]):
        return None
    lat = float(found[1]) * (-1 if (found[2] or "").lower() == "s" else 1)
    lon = float(found[3]) * (-1 if (found[4] or "").lower() in {"w", "o"} else 1)
    if abs(lat) > 90 or abs(lon) > 180:
        raise OutOfRange(f"“{words}” is no point on the earth. Say the latitude first, for example “37.87, -122.26”.")
    return Place(f"{lat:g}, {lon:g}", "point", lat, lon)


class Gazetteer:
    """The names of one city, ready to be asked. Built once from the records; every method is pure."""

    def __init__(
        self,
        sites: Sequence[SiteName],
        areas: Sequence[AreaName],
        bins: Sequence[BinName],
        trucks: Sequence[str],
        streams: Mapping[str, Sequence[str]],
    ) -> None:
        self._sites = {site.site_id: site for site in sites}
        self._areas = {area.name: area for area in areas}
        self._bins = {bin_.bin_id: bin_ for bin_ in bins}
        self._order = {bin_id: number for number, bin_id in enumerate(self._bins)}
        self._bins_of: dict[str, list[str]] = {}
        for bin_ in bins:
            self._bins_of.setdefault(bin_.site_id, []).append(bin_.bin_id)
        self._ids = BinIds(list(self._bins))
        self._fleet = Fleet(trucks)
        self._streams = StreamWords(streams)
        named_sites = [Named(f"site:{s.site_id}", s.name, self._aliases(s)) for s in sites]
        named_areas = [Named(f"area:{a.name}", a.name, a.aliases) for a in areas]
        self._site_index = NameIndex(named_sites)
        self._place_index = NameIndex([*named_areas, *named_sites])

    def _aliases(self, site: SiteName) -> tuple[str, ...]:
        """The site's aliases, its id, and its name without a stream in parentheses: bins of one spot share that."""
        bare = CODE.sub(r"\g<rest>", site.name)
        inside = re.search(r"\(([^()]*)\)\s*$", bare)
        unstreamed = [PARENTHESES.sub("", bare)] if inside and self._streams.is_name(inside[1]) else []
        return (*site.aliases, site.site_id, *unstreamed)

    def kind_of(self, words: str) -> str | None:
        """What the words plainly name: "bin", "stream", "truck", "area", "site", or None.

        Plainly: by a whole form of the name, or by rare words of it ("Moffitt" of "Moffitt Library"). No typing errors.
        """
        plain_id = sum(char.isdigit() for char in words) >= SHORTEST_ALONE or any(char.isalpha() for char in words)
        if plain_id and any(char.isdigit() for char in words) and self._ids.get(words):
            return "bin"
        if self._streams.is_spoken(words):
            return "stream"
        if self._fleet.is_spoken(words):
            return "truck"
        best = self._place_index.plainly(words)
        return best.partition(":")[0] if best else None

    def named(self, words: str) -> str | None:
        """The key of the bin or place that the words plainly name, to compare two ways of naming one; None for none."""
        return self._ids.get(words) or self._place_index.plainly(words)

    def is_whole(self, words: str) -> bool:
        """Whether the words are the whole of a place's name, in one of its forms."""
        return self._place_index.is_whole(words)

    def opens_long(self, word: str) -> bool:
        """Whether the long name of a place begins with this word."""
        return self._place_index.opens_long(word)

    def words(self) -> frozenset[str]:
        """The words of all names of places and streams, as domain/name_words.py writes them."""
        return self._place_index.words() | self._streams.words()

    # ------------------------------------------------------------ places

    def place(self, words: str) -> Place:
        """The site, area or point that the words name. Raises UnknownName, AmbiguousName, OutOfRange."""
        point = point_of(words)
        if point:
            return point
        said = WITHIN.sub("", words.strip()) or words
        bin_id = self._ids.get(said)
        if bin_id:
            return self._site_place([self._sites[self._bins[bin_id].site_id]])
        verdict = self._place_index.find(said)
        if not verdict.matches and self._streams.named_in(said):
            said = self._streams.without(said)
            verdict = self._place_index.find(said) if said else verdict
        return self._chosen("place", words, said, verdict)

    def _chosen(self, kind: str, words: str, said: str, verdict: Verdict) -> Place:
        """The place of a verdict; an area wins over a site of the very same name."""
        if not verdict.matches:
            raise UnknownName(kind, words, self._choices(verdict.nearest))
        matches = verdict.matches
        if matches[0].key.startswith("area:") and len({tokens(match.name) for match in matches}) == 1:
            return self._area_place(self._areas[matches[0].key.removeprefix("area:")])
        group = self._twins(said, matches[0])
        if any(match.key not in group for match in matches):
            raise AmbiguousName(kind, words, self._choices(matches))
        return self._site_place([self._sites[key.removeprefix("site:")] for key in group])

    def _choices(self, matches: Sequence[Match]) -> list[str]:
        """Names to choose from; sites of one name are told apart by their ids."""
        names = [match.name for match in matches[:CHOICES]]
        return [m.key.removeprefix("site:") if names.count(m.name) > 1 else m.name for m in matches[:CHOICES]]

    def _twins(self, said: str, match: Match) -> list[str]:
        """The match and the sites that are plainly the same spot: near, of the same name, and fitting the words."""
        if match.key.startswith("area:") or match.exact in {Exactness.record, Exactness.code}:
            return [match.key]
        site = self._sites[match.key.removeprefix("site:")]
        close = [s for s in self._sites.values() if s is not site and is_twin(site, s)]
        if not close:
            return [match.key]
        fitting = {other.key for other in self._site_index.rank(said) if other.score >= ACCEPTED}
        return [match.key, *(f"site:{s.site_id}" for s in close if f"site:{s.site_id}" in fitting)]

    def _area_place(self, area: AreaName) -> Place:
        return Place(area.name, area.kind, area.lat, area.lon, area.radius_m, area.site_ids)

    def _site_place(self, sites: Sequence[SiteName]) -> Place:
        others = ", ".join(site.name for site in sites[1:])
        name = f"{sites[0].name} (with {others})" if others else sites[0].name
        lat = sum(site.lat for site in sites) / len(sites)
        lon = sum(site.lon for site in sites) / len(sites)
        return Place(name, "site", lat, lon, None, tuple(site.site_id for site in sites))

    # ------------------------------------------------------------ bins

    def bins(self, words: Sequence[str]) -> BinSet:
        """The bins that the words name, in record order: ids, sites (all their bins), a stream of a site.

        Raises UnknownName (with the nearest real names or ids), AmbiguousName.
        """
        found: dict[str, str] = {}
        for item in words:
            found.update(self._bins_of_item(item))
        ids = sorted(found, key=self._order.__getitem__)
        return BinSet(tuple(ids), tuple(dict.fromkeys(found[bin_id] for bin_id in ids)))

    def _bins_of_item(self, item: str) -> dict[str, str]:
        """One item of the list: bin id -> the name it was called by."""
        parts = [part for part in JOINERS.split(item) if part.strip()]
        if parts and all(map(self._ids.is_written, parts)):
            return {bin_id: bin_id for bin_id in map(self._ids.find, parts)}
        inside = self._ids.inside(item)
        if inside:
            return {bin_id: bin_id for bin_id in inside}
        streams = self._streams.named_in(item)
        if len(streams) <= 1:
            try:
                return self._bins_at(item, None)
            except UnknownName:
                if len(parts) < 2:
                    raise
        shared = streams[0] if len(streams) == 1 else None
        return {bin_id: name for part in parts for bin_id, name in self._bins_at(part, shared).items()}

    def _bins_at(self, words: str, stream: str | None) -> dict[str, str]:
        """The bins of the site or area in `words`, only those of `stream` or of the stream named in the words.

        A site whose own name holds a stream ("U25 Anthropology (Compost)") is looked for before the stream is cut out.
        """
        rest = self._streams.without(words)
        if stream is None and rest and self._site_index.find(words).one:
            return self._held(words, words, None)
        stream = stream or next(iter(self._streams.named_in(words)), None)
        everywhere = tokens(rest) in ALL_BINS
        if set(tokens(rest)) <= BIN_WORDS or everywhere:
            if stream is None and not everywhere:
                raise UnknownName("bin", words)
            fitting = [bin_.bin_id for bin_ in self._bins.values() if stream in {None, bin_.stream}]
            return dict.fromkeys(fitting, f"all {stream} bins" if stream else "all bins")
        return self._held(words, rest, stream)

    def _held(self, words: str, said: str, stream: str | None) -> dict[str, str]:
        """The bins of the one place that `said` names. Raises when the stream has no bin there."""
        verdict = self._site_index.find(said)
        direct = verdict.one is not None and verdict.one.exact is not None
        verdict = verdict if direct else self._place_index.find(said)
        place = self._chosen("site", words, said, verdict)
        held = [bin_id for site in self._sites_in(place) for bin_id in self._bins_of.get(site.site_id, ())]
        fitting = [bin_id for bin_id in held if stream in {None, self._bins[bin_id].stream}]
        if not fitting:
            there = dict.fromkeys(self._bins[bin_id].stream for bin_id in held)
            raise UnknownName(f"{stream or ''} bin".strip(), words, [f"{name} at {place.name}" for name in there])
        return {bin_id: place.name for bin_id in fitting}

    def _sites_in(self, place: Place) -> list[SiteName]:
        """The sites of a place: those the records give it, else those within its radius, if any only its namesakes."""
        if place.site_ids:
            return [self._sites[site_id] for site_id in place.site_ids]
        reach = place.radius_m or 0.0
        inside = [s for s in self._sites.values() if distance_m(place.lat, place.lon, s.lat, s.lon) <= reach]
        said = (place.name, *self._areas[place.name].aliases)
        bearing = {match.key for words in said for match in self._site_index.rank(words) if match.score >= ACCEPTED}
        return [site for site in inside if f"site:{site.site_id}" in bearing] or inside

    # ------------------------------------------------------------ streams and trucks

    def stream(self, words: str) -> str:
        """The stream by the records' name ("compost" -> "Compostables"). Raises UnknownName, AmbiguousName."""
        return self._streams.stream(words)

    def trucks(self, words: Sequence[str]) -> TruckSet:
        """The trucks that the words name, in record order. Raises UnknownName, AmbiguousName."""
        return self._fleet.trucks(words)


def is_twin(site: SiteName, other: SiteName) -> bool:
    """Two records of one spot: within 150 m, of one name but for code, final number, spaces or one typing error."""
    if abs(site.lat - other.lat) * METRES_PER_DEGREE > TWIN_M:
        return False
    if distance_m(site.lat, site.lon, other.lat, other.lon) > TWIN_M:
        return False
    mine, theirs = _bare(site.name), _bare(other.name)
    short = [sorted(token for token in name if len(token) < 3) for name in (mine, theirs)]
    one, two = "".join(mine), "".join(theirs)
    if len(one) < SHORTEST_TWIN or len(two) < SHORTEST_TWIN:
        return one == two
    return one == two or (short[0] == short[1] and OSA.distance(one, two, score_cutoff=1) <= 1)


def _bare(name: str) -> tuple[str, ...]:
    """The words of a site name without its code, what is in parentheses, and a final number."""
    words = tokens(PARENTHESES.sub("", CODE.sub(r"\g<rest>", name)))
    return words[:-1] if len(words) > 1 and words[-1].isdigit() else words
