"""The difference of two plans: what each truck does before and after, and which stops moved between them."""

from __future__ import annotations

from dataclasses import dataclass

from engines.routing.plan import RoundPlan, TruckRound


@dataclass(frozen=True)
class Figures:
    """One truck's round in numbers; cost in currency."""

    stops: int = 0
    metres: int = 0
    seconds: int = 0
    cost: float = 0.0
    g_co2e: float = 0.0
    volume_l: int = 0
    weight_kg: int = 0

    @classmethod
    def of(cls, each: TruckRound | None) -> Figures:
        """The figures of a round; zeros for a truck that a plan does not have."""
        if each is None:
            return cls()
        return cls(len(each.stop_ids), each.metres, each.seconds, each.cost, each.g_co2e, each.volume_l, each.weight_kg)

    def less(self, other: Figures) -> Figures:
        """These figures minus the other's."""
        return Figures(
            self.stops - other.stops, self.metres - other.metres, self.seconds - other.seconds,
            self.cost - other.cost, self.g_co2e - other.g_co2e,
            self.volume_l - other.volume_l, self.weight_kg - other.weight_kg,
        )  # fmt: skip


@dataclass(frozen=True)
class Move:
    """A stop that another truck serves now; None stands for nobody."""

    stop_id: str
    from_truck: str | None
    to_truck: str | None


@dataclass(frozen=True)
class TruckContrast:
    """One truck before and after, the stops it got and gave up in the order of its rounds, and whether it turns the
    stops that it kept in another order."""

    truck: str
    before: Figures
    after: Figures
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    reordered: bool

    @property
    def change(self) -> Figures:
        """After minus before."""
        return self.after.less(self.before)


@dataclass(frozen=True)
class Contrast:
    """Second plan against first: every truck of either, every stop that moved, and the totals of each."""

    trucks: tuple[TruckContrast, ...]
    moves: tuple[Move, ...]
    before: Figures
    after: Figures

    @property
    def change(self) -> Figures:
        """After minus before, in all."""
        return self.after.less(self.before)

    @property
    def gained(self) -> tuple[str, ...]:
        """Stops that only the second plan serves."""
        return tuple(move.stop_id for move in self.moves if move.from_truck is None)

    @property
    def lost(self) -> tuple[str, ...]:
        """Stops that only the first plan serves."""
        return tuple(move.stop_id for move in self.moves if move.to_truck is None)


def contrast(first: RoundPlan, second: RoundPlan) -> Contrast:
    """What changes from the first plan to the second. The plans may have other stops and trucks."""
    before = {each.truck: each for each in first.rounds}
    after = {each.truck: each for each in second.rounds}
    names = dict.fromkeys([*before, *after])
    served_by = ({stop: each.truck for each in plan.rounds for stop in each.stop_ids} for plan in (first, second))
    old, new = served_by
    moves = [Move(stop, old.get(stop), new.get(stop)) for stop in dict.fromkeys([*old, *new])]
    return Contrast(
        tuple(_truck(name, before.get(name), after.get(name)) for name in names),
        tuple(move for move in moves if move.from_truck != move.to_truck),
        _total(first),
        _total(second),
    )


def _truck(name: str, first: TruckRound | None, second: TruckRound | None) -> TruckContrast:
    old, new = (first.stop_ids if first else ()), (second.stop_ids if second else ())
    both = set(old) & set(new)
    return TruckContrast(
        name, Figures.of(first), Figures.of(second),
        tuple(stop for stop in new if stop not in both), tuple(stop for stop in old if stop not in both),
        [stop for stop in old if stop in both] != [stop for stop in new if stop in both],
    )  # fmt: skip


def _total(plan: RoundPlan) -> Figures:
    rounds = plan.rounds
    return Figures(
        len(plan.served), plan.metres, plan.seconds, plan.cost, plan.g_co2e,
        sum(each.volume_l for each in rounds), sum(each.weight_kg for each in rounds),
    )  # fmt: skip
