"""What frames are filled with: names of the loaded cities, invented names (so that the model copies and does not
recall), times, numbers, ids and topic words. A fifth of the real names never occurs in training (`held_out`)."""

from __future__ import annotations

import csv
import hashlib
import random
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from domain.trucks import leave_out

NUMBER_WORDS = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
    12: "twelve", 15: "fifteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy",
    80: "eighty", 90: "ninety", 100: "a hundred",
}  # fmt: skip
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December"]  # fmt: skip
FIRST = ["Alder", "Brook", "Cedar", "Dunmore", "Elmira", "Fairview", "Garnet", "Hollis", "Ivory", "Juniper", "Kessler",
         "Larch", "Marlow", "Norwood", "Orchard", "Prescott", "Quarry", "Rosewood", "Sutter", "Thornton", "Umber",
         "Vesper", "Wexford", "Yarrow", "Zimmer", "Saint Clair", "Old Mill", "Kings", "Bellamy", "Tolman"]  # fmt: skip
SECOND = ["Hall", "Plaza", "Library", "Gate", "Street", "Way", "Avenue", "Courtyard", "Cafe", "Station", "Park", "Center",
          "Walkway", "Bridge", "Market", "Theatre", "Museum", "Gym", "Square", "Building", "Terrace", "Annex"]  # fmt: skip
TOPICS = """overflowing litter baskets;broken lid;jammed door;contaminated compost;rats;bad smell;missed pickup;
illegal dumping;dead animals;bulk pickup;mattress on the sidewalk;recycling cart;glass on the ground;sensor fault;
blocked access;double parked cars;rain damage;graffiti;fire in a bin;needles;special events;game day;crew breaks;
overtime rules;contract service level;photo evidence;truck breakdown;hazardous waste;food scraps;plastic bags;
overflow response time;late collections;noise complaints;wasps;leaking bags;construction debris;yard waste;
furniture left out;boxes left out;vacant lot trash;dumpster lid open;bin moved;missing bin;wheel broken;
heavy weather;snow;heat;holiday schedule;contamination fee;safety vest;driver hours;battery replacement;
pizza boxes;styrofoam;e-waste;paint cans;couch on the curb;street sweeping;cart replacement;cardboard;
patterns at weekends;fills faster on Thursdays;customer contact;permit for events;penalty clause;alerts""".replace(
    "\n", ""
).split(";")
CHANNELS = ["slack", "Slack", "email", "mail", "chat", "sms", "the ops channel", "text", "#dispatch"]
SCHEDULES = ["daily", "hourly", "every hour", "weekdays at 7am", "twice a day", "every 30 minutes", "on weekends",
             "every two hours", "once a day", "weekly", "stündlich", "täglich", "alle zwei Stunden", "zweimal am Tag",
             "cada hora", "dos veces por día", "todos los días", "toutes les heures", "deux fois par jour",
             "chaque jour"]  # fmt: skip


@dataclass(frozen=True)
class CityWords:
    """The names of one city that people say, split in known and held out."""

    name: str
    places: tuple[str, ...]
    areas: tuple[str, ...]
    bin_ids: tuple[str, ...]
    trucks: tuple[str, ...]
    streams: tuple[str, ...]


def held_out(name: str) -> bool:
    """A fixed fifth of all names, by hash: never in training rows."""
    return hashlib.sha256(name.lower().encode()).digest()[0] % 5 == 0


def read_city(folder: Path, *, held: bool = False) -> CityWords:
    """The spoken names of a city folder; `held` gives the held-out fifth instead of the rest."""
    meta = tomllib.loads((folder / "city.toml").read_text(encoding="utf-8"))
    assumptions = folder / "assumptions.toml"
    assumed = tomllib.loads(assumptions.read_text(encoding="utf-8")) if assumptions.exists() else {}
    aliases = meta.get("aliases", {})
    sites = [spoken(row["name"]) for row in _rows(folder / "sites.csv")]
    kinds = {row["name"]: row["kind"] for row in _rows(folder / "places.csv")}
    known = [(name, [name, *aliases.get("places", {}).get(name, [])]) for name in kinds]
    sites += [word for name, words in known if kinds[name] == "landmark" for word in words]
    areas = [word for _, words in known for word in words]
    sites += [word for name, words in aliases.get("places", {}).items() if name not in kinds for word in words]
    keep: Callable[[str], bool] = (lambda n: held_out(n)) if held else (lambda n: not held_out(n))
    return CityWords(
        meta["name"],
        tuple(filter(keep, dict.fromkeys(sites))),
        tuple(filter(keep, dict.fromkeys(areas))),
        tuple(filter(keep, (row["bin_id"] for row in _rows(folder / "bins.csv")))),
        tuple(t["name"] for t in assumed.get("trucks", [])) or ("Truck 1", "Truck 2", "Truck 3"),
        tuple(word for words in aliases.get("streams", {}).values() for word in words)
        + tuple(aliases.get("streams", {})),
    )


def spoken(site: str) -> str:
    """A site's name as people say it: without its code and its bracketed remarks."""
    return re.sub(r"\s*\(.*?\)", "", re.sub(r"^[A-Z]?\d{2,3}-?\s+", "", site)).strip() or site


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


class Fillers:
    """Fills slots for one city; the same chance gives the same words."""

    def __init__(self, city: CityWords) -> None:
        self.city = city

    def fill(self, slot: str, variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        """(words, value) for a slot of the frame language. KeyError for an unknown slot."""
        makers: dict[str, Callable[[str | None, random.Random], tuple[str, JsonValue]]] = {
            "near": self.place, "bins": self.bins, "bin": self.one_bin, "skip": self.bins, "must_serve": self.bins,
            "trucks": self.trucks, "add_trucks": self.trucks, "remove_trucks": self.trucks, "truck": self.truck,
            "stream": self.stream, "by": _moment, "when": _when, "since": _since, "until": _until,
            "compare_to": _compared, "plan": _plan, "subject": _subject, "decision": _decision, "image": _image,
            "query": _query, "channel": _choice(CHANNELS), "schedule": _schedule,
            "model": _choice(["fill", "overflow", "vision", "language", "embeddings"]),
        }  # fmt: skip
        if slot in NUMBERS:
            return _number(NUMBERS[slot], chance)
        return makers[slot](variant, chance)

    def place(self, variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        kind = 0.5 if variant == "area" else chance.random()
        if kind < 0.45 and self.city.places:
            name = chance.choice(self.city.places)
        elif kind < 0.73 and self.city.areas:
            name = chance.choice(self.city.areas)
        elif 0.73 <= kind < 0.76:
            name = f"{chance.uniform(-60, 60):.4f},{chance.uniform(-120, 120):.4f}"
        else:
            name = invented(chance)
        return _maybe_misspelt(name, chance), None

    def site(self, chance: random.Random) -> str:
        known = chance.random() < 0.75 and self.city.places
        return _maybe_misspelt(chance.choice(self.city.places) if known else invented(chance), chance)

    def bin_id(self, chance: random.Random) -> str:
        if chance.random() < 0.5 and self.city.bin_ids:
            return chance.choice(self.city.bin_ids)
        return chance.choice([f"{chance.randrange(100_000, 9_999_999)}", f"B-{chance.randrange(100, 99_999)}",
                              f"{chance.randrange(1_000, 99_999)}"])  # fmt: skip

    def bins(self, variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        ids = variant == "id" or (variant is None and chance.random() < 0.4)
        many = chance.choices([1, 2, 3], [0.75, 0.18, 0.07])[0]
        items = [self.bin_id(chance) if ids else self.site(chance) for _ in range(many)]
        return _joined(items, chance)

    def one_bin(self, variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        ids = variant == "id" or (variant is None and chance.random() < 0.7)
        return (self.bin_id(chance) if ids else self.site(chance)), None

    def truck(self, _: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        number = chance.randrange(1, 7)
        shapes = [f"truck {number}", f"Truck {number}", f"T{number}", f"t{number}", f"truck {NUMBER_WORDS[number]}"]
        return chance.choice(shapes), None

    def trucks(self, variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        """Trucks; `out`: those that do not drive, as `plan_round` takes them."""
        many = chance.choices([1, 2], [0.7, 0.3])[0]
        words, value = _joined([self.truck(None, chance)[0] for _ in range(many)], chance)
        if variant == "out" and isinstance(value, list):
            return words, [leave_out(str(truck)) for truck in value]
        return words, value

    def stream(self, _: str | None, chance: random.Random) -> tuple[str, JsonValue]:
        return chance.choice(self.city.streams or ("waste",)), None


def invented(chance: random.Random) -> str:
    """A name that no record has."""
    name = f"{chance.choice(FIRST)} {chance.choice(SECOND)}"
    return f"the {name}" if chance.random() < 0.15 else name


def _joined(items: list[str], chance: random.Random) -> tuple[str, JsonValue]:
    glue = chance.choice([" and ", ", ", " & "])
    values: list[JsonValue] = list(dict.fromkeys(items))
    return glue.join(dict.fromkeys(items)), values


def _maybe_misspelt(name: str, chance: random.Random) -> str:
    if chance.random() < 0.08 and len(name) > 5 and not name[0].isdigit():
        at = chance.randrange(1, len(name) - 1)
        if name[at].isalpha():
            return name[:at] + name[at + 1 :]
    return name


NUMBERS: dict[str, list[int]] = {
    "threshold_pct": [50, 60, 70, 75, 80, 85, 90, 95, 100], "min_fill_pct": [20, 30, 40, 50, 55, 60, 65, 70, 75, 80, 90],
    "max_fill_pct": [10, 15, 20, 25, 30, 40, 50], "within_m": [50, 100, 150, 200, 250, 300, 400, 500, 600, 750, 800, 1000, 1500],
    "truck_count": [1, 2, 3, 4, 5, 6], "limit": [3, 5, 8, 10, 12, 15, 20, 25, 30, 50], "max_hours": [4, 5, 6, 7, 8, 9, 10],
    "min_count": [2, 3, 4, 5, 6, 8, 10, 12, 15, 20],
}  # fmt: skip


def _number(values: list[int], chance: random.Random) -> tuple[str, JsonValue]:
    value = chance.choice(values) if chance.random() < 0.85 else chance.randrange(values[0], values[-1] + 1)
    spelt = value in NUMBER_WORDS and value <= 12 and chance.random() < 0.35
    return (NUMBER_WORDS[value] if spelt else str(value)), value


def _choice(words: list[str]) -> Callable[[str | None, random.Random], tuple[str, JsonValue]]:
    return lambda _variant, chance: (chance.choice(words).strip(), None)


def _schedule(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    """How often a watch looks: common ones, and days with and without an hour in four languages."""
    if chance.random() < 0.3:
        return chance.choice(SCHEDULES), None
    hour, day = chance.randrange(4, 12), chance.choice(WEEKDAYS)
    every = chance.choice(["every", "each"])
    kinds = [
        f"{every} {chance.choice(['morning', 'evening', 'night', 'day', 'weekday', day, day])}", f"on {day}s",
        f"{every} {chance.choice(['morning', 'evening', 'weekday', day])} at {hour}", f"at {hour}:30 every day",
        f"{every} day at {chance.choice(['noon', 'midnight', f'{hour}pm', f'{hour}am', f'{hour + 8}:00'])}",
        f"{every} {day} at {hour} in the morning", f"{every} {day} before the shift", f"every night at {hour}",
        f"{chance.choice(['jeden Morgen', 'jeden Abend', 'jeden Montag', 'jeden Werktag', 'jede Nacht'])} um {hour}",
        chance.choice(["jeden Morgen", "jeden Freitag", "jeden Abend"]),
        f"{chance.choice(['cada mañana', 'todas las noches', 'cada lunes', 'todos los días'])} a las {hour}",
        chance.choice(["cada noche", "todas las mañanas", "cada viernes"]),
        f"{chance.choice(['chaque matin', 'tous les soirs', 'chaque lundi', 'tous les jours'])} à {hour} h",
        chance.choice(["tous les matins", "chaque vendredi", "chaque soir"]),
    ]  # fmt: skip
    return chance.choice(kinds), None


QUALITIES = ["broken", "missing", "leaking", "rusty", "blocked", "late", "loose", "burnt", "frozen", "stolen", "sticky",
             "double", "night", "weekend", "lone", "wet", "noisy", "hidden", "new", "wrong", "damaged", "oily"]  # fmt: skip
THINGS = ["hinges", "bags", "crates", "ladders", "gloves", "routes", "keys", "gates", "tyres", "batteries", "sensors",
          "working", "pickups", "raccoons", "pigeons", "bottles", "pallets", "labels", "liners", "fees", "permits", "carts",
          "parking", "fences", "lights", "spills", "smoke", "lids", "stairs", "alarms", "contracts", "deliveries"]  # fmt: skip
PLACES_OF = ["at night", "on the pavement", "in the rain", "after events", "during exams", "from restaurants", "by students",
             "on holidays", "in winter", "near schools"]  # fmt: skip


def _query(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    """Topic words: common ones, and free combinations, so that any topic is copied."""
    kind = chance.random()
    if kind < 0.45:
        return chance.choice(TOPICS).strip(), None
    if kind < 0.60:
        return chance.choice(THINGS), None
    words = f"{chance.choice(QUALITIES)} {chance.choice(THINGS)}"
    return (f"{words} {chance.choice(PLACES_OF)}" if kind > 0.88 else words), None


def _hour(chance: random.Random) -> str:
    hour = chance.randrange(1, 12)
    return chance.choice([f"{hour}pm", f"{hour} pm", f"{hour}am", f"{hour} am", f"{hour + 8}:00", f"{hour + 5}:30", "noon",
                          "midnight", "midday", "lunchtime"])  # fmt: skip


def _date(chance: random.Random) -> str:
    day, month, year = chance.randrange(1, 29), chance.randrange(12), chance.choice([2014, 2015, 2024, 2025])
    return chance.choice([
        f"{year}-{month + 1:02d}-{day:02d}", f"{day} {MONTHS[month]}", f"{MONTHS[month]} {day}",
        f"{MONTHS[month][:3]} {day}", f"the {day}th of {MONTHS[month]}", f"{year}-{month + 1:02d}-{day:02d} {chance.randrange(5, 20)}:00",
        f"{year}-{month + 1:02d}-{day:02d}T{chance.randrange(10, 20)}:00",
    ])  # fmt: skip


def _moment(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    day = chance.choice(WEEKDAYS)
    kinds = [
        "tonight", "tomorrow", "today", "tomorrow noon", "tomorrow morning", "tomorrow evening", "tomorrow night", day,
        f"{day} {_hour(chance)}", f"{day} morning", f"{day} evening", f"next {day}", f"this {day}", "the day after tomorrow",
        "the weekend", "this weekend", "the end of the week", "the end of the month", "next week", f"tomorrow {_hour(chance)}",
        f"tomorrow at {_hour(chance)}", f"{_hour(chance)} tomorrow", f"{day} at {_hour(chance)}", "end of day", "midnight",
        _date(chance), _date(chance), f"{_hour(chance)} on {day}", day[:3].lower(), "tmrw", "tonite", "mañana", "morgen",
        "esta noche", "heute abend", "demain", f"{day} afternoon", f"{day} night", f"{day} first thing", f"first thing {day}",
        f"{day} at {chance.randrange(1, 12)}", f"tomorrow at {chance.randrange(4, 12)}", f"0{chance.randrange(4, 10)}00 {day.lower()}",
        f"{chance.randrange(1, 12)}am tomorrow", f"{chance.randrange(1, 12)} in the morning", f"in {chance.randrange(2, 49)} hours",
        f"in {chance.choice(['two', 'three', '4', '5'])} days", "the end of the shift", "close of business", "early tomorrow",
        "tomorrow before dawn", f"the {chance.randrange(2, 28)}th", "miércoles", "viernes", "Dienstag", "jeudi",
    ]  # fmt: skip
    return chance.choice(kinds), None


def _when(variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    if chance.random() < 0.35:
        return chance.choice(["tonight", "tomorrow", "tomorrow morning", "tomorrow night"]), None
    return _moment(variant, chance)


def _since(variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    day, month = chance.choice(WEEKDAYS), chance.choice(MONTHS)
    starts = [day, f"last {day}", _date(chance), _date(chance), "yesterday", f"1 {month}", month, "the start of the month",
              "last week", "this morning"]  # fmt: skip
    if variant == "start":
        return chance.choice(starts), None
    number = chance.choice([2, 3, 5, 7, 10, 14, 30, 60, 90])
    periods = [
        "yesterday", "today", "this week", "last week", "last month", "this month", "last quarter", "this quarter",
        "last year", "this year", "last night", "the last 24 hours", "past month", "the past week", f"last {number} days",
        f"the last {number} days", f"past {number} days", f"last {chance.randrange(2, 9)} weeks", f"last {chance.randrange(2, 7)} months",
        month, f"{month} {chance.choice([2023, 2024, 2025])}", f"{month[:3]}", day, f"last {day}", "the weekend", "last weekend",
        f"Q{chance.randrange(1, 5)}", f"Q{chance.randrange(1, 5)} 2024", "2024", "spring", "this morning", _date(chance),
        "ayer", "gestern", "la semana pasada", "letzte Woche", "hier",
    ]  # fmt: skip
    return chance.choice(periods), None


def _until(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    return chance.choice(
        [chance.choice(WEEKDAYS), _date(chance), _date(chance), "yesterday", "today", "last Friday"]
    ), None


def _compared(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    month = chance.choice(MONTHS)
    return chance.choice(["last month", "last year", "the month before", "last week", "the week before", month,
                          f"{month} 2024", "last quarter", "the same month last year", "2023", "yesterday"]), None  # fmt: skip


def _plan(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    return chance.choice([f"P-{chance.randrange(1, 1500):04d}", f"P-{chance.randrange(100, 999)}"]), None


def _decision(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    return f"D-{chance.randrange(1, 2000):04d}", None


def _subject(variant: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    return _plan(variant, chance) if chance.random() < 0.7 else _decision(variant, chance)


def _image(_: str | None, chance: random.Random) -> tuple[str, JsonValue]:
    number = chance.randrange(1, 9999)
    return chance.choice([f"pic_{number:04d}.jpg", f"IMG_{number:04d}.JPG", f"photo{number}.png", f"upload-{number}",
                          f"bin_{number}.jpeg", f"{number}.jpg", f"cam-{number}.jpeg", f"load_{number:04d}.png",
                          f"lid_{number % 90}.webp", f"shot{number % 99}.jpg", f"DSC{number:05d}.JPG", f"upl-{number:04x}"]), None  # fmt: skip
