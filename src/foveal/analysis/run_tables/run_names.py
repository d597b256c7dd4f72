"""Variant and seed in the name of a run, as in `cbam-seed3` and `cbam/3`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORDS: Final = "seed|s|run|rep|fold|trial"
_GAP: Final = "[-_=. ]"
_WHOLE: Final = re.compile(rf"(?:(?:{_WORDS}){_GAP}?)?(\d+)", re.IGNORECASE)
_TOKEN: Final = re.compile(rf"(?:^|{_GAP})(?:{_WORDS}){_GAP}?(\d+)(?={_GAP}|$)", re.IGNORECASE)
_COUNTER: Final = re.compile(rf"(.+?){_GAP}?(\d+)")
_AUTOMATIC: Final = re.compile(r"(?:version_\d+|(?:train|exp)[-_]?\d*|lightning_logs)")


def drop_common_parts(names: Sequence[str]) -> list[str]:
    """Return the names without the parts at their beginning that all have in common.

    >>> drop_common_parts(["logs/none/0", "logs/cbam/0"])
    ['none/0', 'cbam/0']
    """
    parts = [name.split("/") for name in names]
    common = 0
    while all(len(each) > common + 1 for each in parts) and (
        len({each[common] for each in parts}) == 1
    ):
        common += 1
    return ["/".join(each[common:]) for each in parts]


def parse_run_name(name: str) -> tuple[str, int | None]:
    """Return the variant and the seed of a name; the variant may be empty and the seed None.

    A seed is a number after a word such as `seed`, or a number alone between slashes.

    >>> parse_run_name("cbam-seed3"), parse_run_name("cbam/3"), parse_run_name("resnet-18/seed_4")
    (('cbam', 3), ('cbam', 3), ('resnet-18', 4))
    >>> parse_run_name("train2"), parse_run_name("cbam/version_0"), parse_run_name("resnet-18")
    (('', None), ('cbam', None), ('resnet-18', None))
    """
    kept, seed = [], None
    for part in name.split("/"):
        if _AUTOMATIC.fullmatch(part):
            continue
        if match := _WHOLE.fullmatch(part):
            seed = int(match[1])
            continue
        if match := _TOKEN.search(part):
            seed = int(match[1])
            part = (part[: match.start()] + part[match.end() :]).strip("-_=. ")
        if part:
            kept.append(part)
    return "/".join(kept), seed


def parse_counted_name(name: str) -> tuple[str, int]:
    """Return the variant and the number of a name that ends in a number; the first of a name has none.

    >>> parse_counted_name("cbam"), parse_counted_name("cbam-2"), parse_counted_name("cbam3")
    (('cbam', 1), ('cbam', 2), ('cbam', 3))
    """
    match = _COUNTER.fullmatch(parse_run_name(name)[0] or name)
    return (match[1], int(match[2])) if match else (name, 1)
