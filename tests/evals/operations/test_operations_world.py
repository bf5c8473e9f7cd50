"""The simulated operation keeps its books: what grows is collected or left, trucks carry what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engines.forecast.history import BinHistory
from engines.routing.problem import Place, Truck
from engines.routing.worth import Seen
from evals.operations.growth import Span, draw_growth, pieces_of, resample_weeks, week_profile
from evals.operations.rounds import Aim, Effort, Held, Planner, Sheet, Wish, drive_out
from evals.operations.schedule import full_days, patterns, tuned_schedule
from evals.operations.sensors import Faults, draw_sensors, last_readings
from evals.operations.town import DAY_H, WEEK_H, Floats, Town, monday_before
from evals.operations.world import Choose, Run, View, World, play

NO_FAULTS = Faults(every_h=6, noise_points=0.0, late_h=0.0, lost=0.0, silent=0.0)
MONDAY = monday_before(480_000)
EFFORT = Effort(looks=50)


def line_town(bins: int = 3, capacity_l: int = 10_000, dump: bool = True) -> Town:
    """Bins on a line, one kilometre and 100 s apart, the depot (and the dump) at its end; trucks leave at six."""
    first = 2 if dump else 1
    at = np.array([0] * first + [1000 * (i + 1) for i in range(bins)])
    metres = np.abs(at[:, None] - at).astype(np.int64)
    truck = Truck(
        "T", capacity_l, 10**6, shift_start_s=6 * 3600, shift_end_s=20 * 3600, cost_per_km=1, cost_per_hour=36
    )
    return Town(
        name="line", bins=tuple(f"b{i}" for i in range(bins)), streams=("waste",) * bins,
        sites=tuple(f"s{i}" for i in range(bins)), capacity_l=np.full(bins, 1000.0), kg_per_l=np.full(bins, 0.1),
        positions=np.zeros((bins, 2)), trucks=(truck,), depots=(Place("depot", 0, 0),),
        dumps=(Place("dump", 0, 0, 600),) if dump else (), metres=metres, seconds=metres // 10, service_s=60,
        step_pct=20.0,
    )  # fmt: skip


def steady_world(town: Town, points_a_day: Sequence[float], weeks: int = 1) -> World:
    """Bins that fill evenly, emptied just before the counted weeks; no quiet week, no faults."""
    hours = weeks * WEEK_H
    grown = np.array(points_a_day)[:, None] / DAY_H * np.arange(hours + 1)
    sensors = draw_sensors(len(town.bins), hours, town.step_pct, NO_FAULTS, np.random.default_rng(0))
    return World(town, grown, sensors, np.zeros(len(town.bins), dtype=np.int64), MONDAY, weeks, 0, 0)


def played(world: World, choose: Choose) -> Run:
    """The run of a policy."""
    return play(world, choose, Planner(world.town, EFFORT))


def standing(litres: Sequence[float] | Floats) -> Held:
    """Bins in which nothing grows during the day."""
    return lambda index, second: float(litres[index])


def all_bins(view: View) -> list[Wish]:
    """Serve everything every day."""
    return [Wish(i, 100) for i in range(len(view.town.bins))]


def never(view: View) -> list[Wish]:
    """Stay at home."""
    return []


# ---------------------------------------------------------------- books


@pytest.mark.parametrize("choose", [all_bins, never, lambda view: all_bins(view)[: view.day % 3]])
def test_what_flows_in_flows_out_or_stays(choose: Choose) -> None:
    run = played(steady_world(line_town(), (10, 35, 80), weeks=2), choose)
    assert run.grown_points > 0
    assert run.before_points + run.grown_points == pytest.approx(run.collected_points + run.after_points)


def test_a_bins_life_can_be_read_as_a_string() -> None:
    """40 points a day, seen in steps of 20 every 6 h. Met at 90 first, then just under 80: full a day later."""

    def at_80(view: View) -> list[Wish]:
        return [Wish(int(i), 800) for i in np.flatnonzero(np.nan_to_num(view.read_pct) >= 80)]

    run = played(steady_world(line_town(1), (40,), weeks=2), at_80)
    assert run.life(0) == "..E.oO.oO.oO.o"


def test_a_life_says_when_a_bin_stood_full_and_when_it_was_emptied() -> None:
    def on_day_3(view: View) -> list[Wish]:
        return [Wish(0, 900)] if view.day == 3 else []

    assert played(steady_world(line_town(1), (30,)), on_day_3).life(0) == "...E..o"
    assert played(steady_world(line_town(1), (36,)), on_day_3).life(0) == "..oO.oo"


def test_who_never_drives_overflows_everything() -> None:
    run = played(steady_world(line_town(), (60, 60, 60), weeks=3), never)
    assert (run.metres, run.seconds, run.visits) == (0, 0, ())
    assert run.full[:, 2:].all()


def test_a_bin_emptied_every_day_never_stands_full_while_it_takes_more_than_a_day_to_fill() -> None:
    run = played(steady_world(line_town(), (90, 90, 90)), all_bins)
    assert not run.full.any()
    assert len(run.visits) == 21


def test_weeks_before_the_counted_ones_are_played_and_not_counted() -> None:
    world = steady_world(line_town(), (50, 50, 50), weeks=3)
    short = played(replace(world, quiet_weeks=1, uncounted_weeks=1), all_bins)
    assert short.full.shape == (3, 7)
    assert short.metres == played(steady_world(line_town(), (50, 50, 50)), all_bins).metres


def test_policies_see_no_truth_unless_they_are_the_oracle() -> None:
    seen: list[bool] = []

    def look(view: View) -> list[Wish]:
        seen.append(view.truth is None)
        return []

    world = steady_world(line_town(1), (40,))
    play(world, look, Planner(world.town, EFFORT))
    play(world, look, Planner(world.town, EFFORT), sees_truth=True)
    assert seen == [True] * 7 + [False] * 7


# ---------------------------------------------------------------- trucks


def test_a_truck_drives_out_and_back_and_unloads_once() -> None:
    town = line_town()
    driven = drive_out(town, Sheet(((2, 3, 4, 1),)), standing(np.full(3, 500.0)), {0: 500, 1: 500, 2: 500})
    assert driven.metres == 6000
    assert driven.seconds == 600 + 3 * 60 + 600
    assert driven.cost == pytest.approx(6.0 + 36 * driven.seconds / 3600)
    assert driven.emptied == ((0, 21_600 + 160), (1, 21_600 + 320), (2, 21_600 + 480))


def test_a_truck_that_the_next_bin_would_overload_goes_to_the_dump_first() -> None:
    town = line_town(capacity_l=1000)
    driven = drive_out(
        town, Sheet(((2, 3, 4, 1),)), standing(np.array([600.0, 600.0, 100.0])), {0: 100, 1: 100, 2: 100}
    )
    assert driven.metres == 1000 + 1000 + 2000 + 1000 + 3000
    assert len(driven.emptied) == 3


def test_a_full_truck_leaves_what_may_stay_and_serves_what_still_fits() -> None:
    """The second bin does not fit: it stays; the third does fit, or must be come back for."""
    town, tour = line_town(capacity_l=1000), ((2, 3, 4, 1),)
    fits, all_large = standing(np.array([600.0, 600.0, 100.0])), standing(np.array([600.0, 600.0, 600.0]))
    left = drive_out(town, Sheet(tour, frozenset({3})), fits, {})
    assert ([index for index, _ in left.emptied], left.metres) == ([0, 2], 6000)
    back = drive_out(town, Sheet(tour, frozenset({3})), all_large, {})
    assert ([index for index, _ in back.emptied], back.metres) == ([0, 2], 1000 + 1000 + 3000 + 3000)
    assert len(drive_out(town, Sheet(tour, frozenset({2, 3, 4})), all_large, {}).emptied) == 1


def test_what_may_stay_is_on_the_sheet_for_bins_with_a_worth_and_never_for_others() -> None:
    """A nearly full bin a kilometre away does not pay a trip of its own when a full bin and day is cheap."""
    planner = Planner(line_town(), EFFORT)
    likely = [Wish(i, 990, Seen(99.0, 1.0), full_milli=2_500) for i in range(3)]
    assert planner.sheet(likely).may_stay
    assert set(planner.sheet(likely).may_stay) < set(planner.sheet(likely).tours[0])
    assert not planner.sheet([Wish(i, 990) for i in range(3)]).may_stay


def test_a_bin_that_grew_while_the_truck_was_on_its_way_is_carried_as_it_is_found() -> None:
    """At leaving all three fit; the third, emptied 480 s later, has grown by 240 litres until then."""
    town = line_town(capacity_l=1000)

    def growing(index: int, second: int) -> float:
        return 300.0 + (second - 6 * 3600) / 2 * (index == 2)

    driven = drive_out(town, Sheet(((2, 3, 4, 1),)), growing, {})
    assert drive_out(town, Sheet(((2, 3, 4, 1),)), standing(np.full(3, 300.0)), {}).metres == 6000
    assert driven.metres == 2000 + 2000 + 3000 + 3000
    assert driven.unloaded_l == sum(growing(index, second) for index, second in driven.emptied)


@pytest.mark.parametrize("dump", [True, False])
def test_the_litres_unloaded_are_the_litres_collected(dump: bool) -> None:
    """Bins that grow by 9 points an hour, a truck of two and a half bins, out for hours: what counts is the finding."""
    town = replace(line_town(6, capacity_l=2500, dump=dump), service_s=2400)
    run = played(steady_world(town, (216, 150, 72, 36, 200, 90)), all_bins)
    assert len(run.visits) > 21
    assert run.unloaded_l == pytest.approx(run.collected_points / 100 * 1000)


def test_kilos_fill_a_truck_as_litres_do() -> None:
    light = line_town(capacity_l=10_000)
    heavy = replace(light, trucks=(replace(light.trucks[0], capacity_kg=100),))
    held, tour = standing(np.full(3, 600.0)), Sheet(((2, 3, 4, 1),))
    assert drive_out(light, tour, held, {}).metres == 6000
    assert drive_out(heavy, tour, held, {}).metres == 2000 + 4000 + 6000


def test_a_bin_that_would_keep_the_truck_out_after_its_shift_is_left() -> None:
    town = line_town()
    short = replace(town, trucks=(replace(town.trucks[0], shift_end_s=6 * 3600 + 1200),))
    driven = drive_out(short, Sheet(((2, 3, 4, 1),)), standing(np.full(3, 500.0)), {})
    assert [index for index, _ in driven.emptied] == [0, 1]
    assert driven.seconds == 400 + 2 * 60 + 600


def test_the_floor_is_what_full_loads_of_the_collected_litres_drive() -> None:
    """90 points a day of three bins of 1,000 l, 2, 4 and 6 km there and back, in a truck of 10,000 l: seven days."""
    run = played(steady_world(line_town(), (90, 90, 90)), all_bins)
    floor = sum(lv / 100 * 1000 * 2000 * (i + 1) / 10_000 for i, _, lv in run.visits)
    assert run.floor_metres == pytest.approx(floor)
    assert run.floor_metres <= run.metres


def test_a_planned_dump_trip_is_left_out_when_the_rest_fits() -> None:
    town = line_town(capacity_l=1000)
    needless = drive_out(town, Sheet(((2, 1, 3, 4, 1),)), standing(np.full(3, 100.0)), {0: 600, 1: 300, 2: 300})
    needed = drive_out(town, Sheet(((2, 1, 3, 4, 1),)), standing(np.array([700.0, 300, 300])), {0: 600, 1: 300, 2: 300})
    assert (needless.metres, needed.metres) == (6000, 8000)


def test_a_bin_is_served_when_its_worth_pays_its_way_and_one_that_cannot_is_not_put_before_the_solver() -> None:
    """The only bin is a kilometre away: a full one is worth the two kilometres there and back, an empty one is not."""
    town = line_town()
    planner = Planner(town, EFFORT)
    empty, sure = Seen(level_pct=5.0, chance=0.0), Seen(level_pct=99.0, chance=1.0)
    assert planner.sheet([Wish(0, 50, empty, full_milli=3_000)]).tours == ((),)
    assert 2 in planner.sheet([Wish(0, 990, sure, full_milli=3_000)]).tours[0]
    assert 2 not in planner.sheet([Wish(0, 990, sure, full_milli=500)]).tours[0]


def test_all_policies_may_be_made_to_save_money_instead_of_kilometres() -> None:
    """Half a minute of a driver's time is dearer than the way, so a stop that pays in kilometres does not in money."""
    town = replace(line_town(), service_s=3600)
    wish = Wish(0, 990, Seen(99.0, 1.0), full_milli=3_000)
    assert 2 in Planner(town, Effort(50, Aim.km)).sheet([wish]).tours[0]
    assert 2 not in Planner(town, Effort(50, Aim.cost)).sheet([wish]).tours[0]


def test_plans_use_only_the_share_of_a_load_that_they_may() -> None:
    town = line_town(capacity_l=1000)
    wishes = [Wish(i, 330) for i in range(3)]
    once, twice = (Planner(town, Effort(50, load_share=share)).sheet(wishes).tours[0] for share in (1.0, 0.9))
    assert (once.count(1), twice.count(1)) == (1, 2)


def test_equal_days_are_solved_once() -> None:
    world = steady_world(line_town(), (50, 50, 50), weeks=2)
    planner = Planner(world.town, EFFORT)
    play(world, all_bins, planner)
    assert planner.solves == 1


# ---------------------------------------------------------------- sensors


def test_a_reading_is_the_last_step_reached_and_not_older_than_the_last_emptying() -> None:
    grown = 2.0 * np.arange(200.0)[None, :]
    sensors = draw_sensors(1, 199, 20.0, NO_FAULTS, np.random.default_rng(1))
    level, at = last_readings(sensors, grown, np.array([50]), 90.0)
    assert at[0] > 84
    assert level[0] == (2 * (at[0] - 50)) // 20 * 20
    assert np.isnan(last_readings(sensors, grown, np.array([89]), 90.0)[0][0]) or sensors.phase[0] == 0


def test_late_and_lost_readings_are_not_seen() -> None:
    grown = np.zeros((50, 24 * 7 + 1))
    late = draw_sensors(50, 24 * 7, 20.0, replace(NO_FAULTS, late_h=20.0), np.random.default_rng(1))
    lost = draw_sensors(50, 24 * 7, 20.0, replace(NO_FAULTS, lost=1.0), np.random.default_rng(1))
    ages = 100.0 - last_readings(late, grown, np.zeros(50, dtype=np.int64), 100.0)[1]
    assert np.nanmean(ages) > 6
    assert np.isnan(last_readings(lost, grown, np.zeros(50, dtype=np.int64), 100.0)[0]).all()


# ---------------------------------------------------------------- growth


def emptied(levels: Sequence[float], hours: Sequence[float], step: float = 20.0) -> BinHistory:
    """A bin with emptyings at hours after a Monday."""
    at = np.array([np.datetime64(round((MONDAY + h) * 3600), "s") for h in hours])
    return BinHistory("b", "waste", "s", at, np.array(levels, dtype=float), step_pct=step)


def draw(history: BinHistory, seed: int = 0, profile: Floats | None = None) -> Floats:
    """Hourly growth of one bin in the week."""
    flat = np.ones(WEEK_H) if profile is None else profile
    return draw_growth(pieces_of([history]), flat, Span(MONDAY, 1), 1, np.random.default_rng(seed))[0]


@pytest.mark.parametrize(("level", "least", "most"), [(0, 0, 20), (60, 60, 80), (100, 100, 120)])
def test_what_grew_lies_inside_the_step_that_was_reported(level: float, least: float, most: float) -> None:
    grown = [draw(emptied([0, level], [10, 60]), seed).sum() for seed in range(30)]
    assert least <= min(grown) < max(grown) <= most
    assert max(grown) - min(grown) > 5


def test_growth_lies_between_its_two_emptyings_and_follows_the_hours_of_the_week() -> None:
    profile = np.where(np.arange(WEEK_H) % 24 < 12, 2.0, 1e-9)
    grown = draw(emptied([0, 80], [24, 72]), profile=profile)
    assert grown[:24].sum() == grown[72:].sum() == 0
    assert grown[36:48].sum() + grown[60:72].sum() == pytest.approx(0, abs=1e-6)


def test_an_unknown_level_gets_the_bins_own_pace() -> None:
    grown = draw(emptied([0, 50, float("nan")], [0, 50, 100], step=0.0))
    assert grown[50:100].sum() == pytest.approx(50)


def test_readings_grow_by_their_rises_and_not_by_their_noise() -> None:
    hours = np.arange(0, 160, 2.0)
    true = hours / 2
    noisy = np.clip(true + np.random.default_rng(0).normal(0, 4, len(hours)), 0, 100)
    at = np.array([np.datetime64(round((MONDAY + h) * 3600), "s") for h in hours])
    grown = draw(BinHistory("b", "waste", "s", read_at=at, readings=noisy, step_pct=0.0))
    assert grown.sum() == pytest.approx(true[-1], abs=12)


def test_the_profile_finds_the_days_on_which_bins_fill() -> None:
    """Emptied every midnight; 60 points on weekdays, nothing at the weekend."""
    hours = [24.0 * day for day in range(71)]
    levels = [0.0] + [60.0 if day % 7 < 5 else 0.0 for day in range(70)]
    by_day = week_profile(pieces_of([emptied(levels, hours, step=0.0)])).reshape(7, 24).mean(axis=1)
    assert by_day[:5].min() > 2 * by_day[5:].max()


def test_resampled_weeks_are_whole_weeks_of_the_records_in_blocks_of_four() -> None:
    growth = np.repeat(np.arange(12.0), WEEK_H)[None, :]
    weeks = resample_weeks(growth, 8, np.random.default_rng(3)).reshape(8, WEEK_H)
    assert (weeks == weeks[:, :1]).all()
    assert np.diff(weeks[:, 0]).tolist().count(1.0) >= 6


# ---------------------------------------------------------------- the fixed schedule


def test_a_schedule_visits_fast_bins_often_and_slow_ones_seldom() -> None:
    town = line_town(2)
    grown = np.array([80.0, 5.0])[:, None] / DAY_H * np.arange(8 * WEEK_H + 1)
    visits = tuned_schedule(town, grown, overflow_cost=100.0).sum(axis=1)
    assert visits[0] == 28
    assert 1 <= visits[1] <= 4


def test_a_dearer_overflow_buys_more_visits() -> None:
    town = line_town(3)
    rng = np.random.default_rng(0)
    grown = np.cumsum(rng.gamma(0.2, 6.0, (3, 8 * WEEK_H + 1)), axis=1)
    cheap, dear = (tuned_schedule(town, grown, cost).sum() for cost in (0.5, 200.0))
    assert cheap < dear


def test_neighbours_share_their_days() -> None:
    town = line_town(6)
    grown = 15.0 / DAY_H * np.arange(8 * WEEK_H + 1) * np.ones((6, 1))
    schedule = tuned_schedule(town, grown, overflow_cost=20.0)
    assert schedule.any(axis=0).sum() < schedule.sum()


def test_full_days_count_what_a_pattern_lets_stand() -> None:
    grown = 50.0 / DAY_H * np.arange(8 * WEEK_H + 1)[None, :]
    daily = int(np.flatnonzero(patterns().all(axis=1))[0])
    weekly = int(np.flatnonzero((patterns().sum(axis=1) == 4) & patterns()[:, 0])[0])
    days = full_days(grown, 6)[0]
    assert days[daily] == 0
    assert days[weekly] > 20
