"""The command line of the suites: each has its own options, and refuses those of the others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engines.forecast.ensemble import FITS, USUAL
from evals.operations.foresight import MEMBERS
from evals.routing.ablation import ARMS
from prompts.render import END

Parser = argparse.ArgumentParser


def read(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of a command line (default: this process's). Ends with code 2 for one that is not the suite's."""
    made = Parser(prog="python -m evals", description="One measurement on data given by path.")
    suites = made.add_subparsers(dest="suite", required=True, metavar="SUITE", help=", ".join(SUITES))
    for name, add in SUITES.items():
        suite = suites.add_parser(name, help=add.__doc__, description=add.__doc__)
        suite.add_argument("--json", type=Path, dest="out", help="write the figures to this file")
        add(suite)
    options, unknown = made.parse_known_args(words)
    if unknown:
        made.error(f"{options.suite} does not take {' '.join(unknown)}: see python -m evals {options.suite} --help")
    return options


def _conversations(suite: Parser) -> None:
    """Whole conversations with the assistant."""
    _data(suite, "a file of cases, one a line")
    _seed(suite)
    _model(suite)
    _mistakes(suite)
    suite.add_argument("--classifier", default="shipped", help="of calls: `shipped`, `none`, or a file")
    suite.add_argument("--arguments", default="shipped", help="argument classifier: `shipped`, `none`, or a file")
    suite.add_argument("--encoder", default="shipped", help="of threads: `shipped`, `none`, or a file")
    suite.add_argument("--requests", default="shipped", help="of a message, told apart: `shipped`, `none`, or a file")
    suite.add_argument("--words", default="shipped", help="for typing errors: `shipped`, `none`, or a file")
    suite.add_argument("--runs", type=int, default=4, help="noisy runs for multi_pass4; 1: none")
    suite.add_argument("--single", action="store_true", help="only the one-turn cases")
    told = "the untuned model beside it; with --engine, its name there (default: %(const)s)"
    suite.add_argument("--stock", nargs="?", const="base", metavar="NAME", help=told)
    suite.add_argument("--rows", type=Path, help="training rows for the linear baseline")
    suite.add_argument("--synthetic", type=Path, help="validation rows of finetune.rows, measured beside the cases")


def _toolcalling(suite: Parser) -> None:
    """Generic tools of a leaderboard."""
    _data(suite, "a folder of the leaderboard's files")
    _model(suite)
    _reader(suite)
    suite.add_argument("--limit", type=int, help="at most so many questions of each file")


def _new_tools(suite: Parser) -> None:
    """Tools that the model was never trained on."""
    _data(suite, "a file of cases with tools of their own, one a line")
    _model(suite)
    _mistakes(suite)
    _reader(suite)


def _routing(suite: Parser) -> None:
    """Routes against the best known, beside other solvers."""
    _data(suite, "a folder with VRPLIB, Solomon or Montevideo files below it")
    suite.add_argument("--seconds", type=float, default=10.0, help="CPU seconds of each run")
    suite.add_argument("--seeds", type=int, default=1, help="runs of each instance")
    suite.add_argument("--peers", action="store_true", help="OR-Tools, PyVRP and VROOM on the same seconds")
    suite.add_argument("--ablation", choices=sorted(ARMS), help="arms that differ in one setting")


def _operations(suite: Parser) -> None:
    """What choosing bins by forecast saves, in a simulated operation."""
    _data(suite, "a city folder, or a csv of readings (container,time_utc,fill_pct)")
    suite.add_argument("--weeks", type=int, default=8, help="counted weeks of each world")
    suite.add_argument("--seeds", type=int, default=10, help="worlds")
    suite.add_argument("--target", type=float, default=30.0, help="full bins per 1,000 bin-days to compare at")
    suite.add_argument("--test-from", type=day, help="only weeks from this date on are played")
    suite.add_argument("--looks", type=int, default=2000, help="changes of a plan that each day's solve tries")
    suite.add_argument("--aim", choices=("km", "cost"), default="km", help="what all policies make small alike")
    suite.add_argument("--until", type=day, help="nothing from this date on is read: to seek settings on other weeks")
    suite.add_argument("--first-seed", type=int, default=1, help="of the worlds; the others follow it")
    suite.add_argument("--truck-times", type=float, default=1.0, help="trucks so much larger than they are")
    told = "sensors (made up where the records hold no readings), or none: only what is told at emptyings"
    suite.add_argument("--readings", choices=("sensors", "none"), default="sensors", help=told)
    told = "what ours chooses by: the assistant's forecast, or a filter over level and pace"
    suite.add_argument("--belief", choices=("product", "filter"), default="product", help=told)
    told = f"of the assistant's forecast: of {', '.join(FITS)} (default: {','.join(MEMBERS)})"
    suite.add_argument("--members", type=listed, default=MEMBERS, help=told)


def _forecast(suite: Parser) -> None:
    """Fill forecasts a day ahead, or of what crews find, beside naive answers."""
    _data(suite, "a csv of readings (container,time_utc,fill_pct), or of emptyings, or a city folder")
    _seed(suite)
    suite.add_argument("--test-from", type=day, help="what is before it is learnt from; default: three quarters in")
    suite.add_argument("--unseen", type=names, default=frozenset(), help="containers never learnt from, as ID,ID")
    suite.add_argument(
        "--until", type=day, help="nothing from this date on is read: to choose settings on other months"
    )
    suite.add_argument("--zone", type=clock, help="the clock that bins are filled by, such as Europe/Prague")
    told = f"of {', '.join(FITS)}, with commas between (default: {','.join(USUAL)})"
    suite.add_argument("--members", type=names, default=frozenset(USUAL), help=told)
    suite.add_argument("--no-serving", dest="serving", action="store_false", help="not how fast they are served")
    suite.add_argument("--ablation", action="store_true", help="each member alone, and the ensemble without each")


def _reasons(suite: Parser) -> None:
    """Told reasons of served and skipped bins against full searches."""
    _data(suite, "a city folder, or a folder of city folders")
    _seed(suite)
    suite.add_argument("--samples", type=int, default=200, help="bins")
    suite.add_argument("--seconds", type=float, default=1.2, help="seconds of a quiet core for each full search")


def _ledger(suite: Parser) -> None:
    """Kills and tamperings of the ledger."""
    _seed(suite)
    suite.add_argument("--rounds", type=int, default=20, help="rounds of one kill and its tamperings")


def _ingestion(suite: Parser) -> None:
    """Kills of whoever writes the search index."""
    _seed(suite)
    suite.add_argument("--kills", type=int, default=50)
    suite.add_argument("--database", metavar="URL", help="an empty database for the records, instead of a SQLite file")


def _patterns(suite: Parser) -> None:
    """Findings in a city's records, and in shuffled ones."""
    _data(suite, "a city folder")
    _seed(suite)
    suite.add_argument("--shuffles", type=int, default=3)


def _retrieval(suite: Parser) -> None:
    """Judged questions through the search."""
    _data(suite, "a folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels/")
    suite.add_argument("--split", default="test", help="whose judgements: qrels/SPLIT.tsv or qrels_SPLIT.tsv")
    suite.add_argument("--sweep", action="store_true", help="weights of meaning beside the default one, and feedback")
    suite.add_argument("--cache", type=Path, help="folder of vectors made before (default: under ROUNDSMAN_HOME)")


def _spatial(suite: Parser) -> None:
    """Search over place and meaning, from one document in ten thousand to all."""
    _seed(suite)
    suite.add_argument("--bins", type=_several, default=100_000, help="documents of the made-up city")
    suite.add_argument("--exact", action="store_true", help="no approximate index, an ablation")
    suite.add_argument("--questions", type=_several, default=40, help="counted questions of each selectivity")


def _production(suite: Parser) -> None:
    """Search over place and meaning on PostGIS and Weaviate, and without Weaviate."""
    _seed(suite)
    suite.add_argument("--database", metavar="URL", required=True, help="an empty database with PostGIS")
    suite.add_argument("--weaviate", metavar="URL", required=True, help="its key is ROUNDSMAN_WEAVIATE_KEY, if any")
    suite.add_argument("--grpc-port", type=int, default=50051)
    suite.add_argument("--replicas", type=int, default=3, help="copies of each vector; at most Weaviate's nodes")
    suite.add_argument("--bins", type=_several, default=100_000, help="documents of the made-up city")
    suite.add_argument("--questions", type=_several, default=20, help="counted questions of each selectivity")


def _several(words: str) -> int:
    """A whole number from 2 on."""
    number = int(words)
    if number < 2:
        raise ValueError(words)
    return number


def clock(words: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(words)
    except (ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(f"{words!r} is no time zone such as Europe/Prague") from None


def day(words: str) -> date:
    """A date as 2025-08-31."""
    return date.fromisoformat(words)


def names(words: str) -> frozenset[str]:
    """Names with commas between them."""
    return frozenset(name.strip() for name in words.split(",") if name.strip())


def listed(words: str) -> tuple[str, ...]:
    """Names with commas between them, in their order."""
    return tuple(dict.fromkeys(name.strip() for name in words.split(",") if name.strip()))


def _data(suite: Parser, what: str) -> None:
    suite.add_argument("--data", type=Path, help=what)


def _seed(suite: Parser) -> None:
    suite.add_argument("--seed", type=int, default=0)


def _mistakes(suite: Parser) -> None:
    suite.add_argument("--mistakes", type=Path, help="write the wrong turns to this file")


def _reader(suite: Parser) -> None:
    suite.add_argument("--reader", default="shipped", help="of listed tools: `shipped`, `none`, or a file")


def _model(suite: Parser) -> None:
    suite.add_argument("--engine", help="URL of another OpenAI-compatible server")
    suite.add_argument("--model", default="roundsman", help="the model's name on that server")
    suite.add_argument("--style", choices=sorted(END), default="small", help="of that server's prompts")
    suite.add_argument(
        "--adapter", default="shipped", help="`shipped`, `none`, or a GGUF file; of --engine: what it holds"
    )
    suite.add_argument("--threads", type=int, choices=range(1, 65), metavar="N", help="of the embedded engine")
    suite.add_argument("--free", action="store_true", help="no span limits, an ablation")
    suite.add_argument("--unmarked", action="store_true", help="no marks in the prompt, an ablation")
    suite.add_argument("--uncovered", action="store_true", help="no second call for marks left out, an ablation")
    suite.add_argument("--own-words", action="store_true", help="replies in the model's own words, as of a server's")


SUITES = {
    "conversations": _conversations, "toolcalling": _toolcalling, "new_tools": _new_tools, "routing": _routing,
    "operations": _operations, "forecast": _forecast, "reasons": _reasons, "ledger": _ledger, "ingestion": _ingestion,
    "patterns": _patterns,
    "retrieval": _retrieval, "spatial": _spatial, "production": _production,
}  # fmt: skip
