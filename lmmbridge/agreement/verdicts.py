"""The verdicts, from best to worst, and what each means to a reader."""
from __future__ import annotations

from collections.abc import Mapping

MEANING = {
    "agree": "the difference is within the tolerance",
    "explained": "a convention closes the gap to within the tolerance",
    "known divergence": "a fault on the register, computed by us, reproduces it (lost digits: how many)",
    "not comparable": "the quantity is not defined, not given, or lost to conditioning; the reason is stated",
    "not available": "the engine is not on this machine; the remedy is stated",
    "engine failed": "the engine should have answered and did not; its own message is given",
    "unexplained": "the engines differ and nothing on record says why",
}
ORDER = {verdict: rank for rank, verdict in enumerate(MEANING)}
#: Verdicts on comparisons that were made: both engines gave a number; and with those where one should have and did not.
COMPARED = frozenset({"agree", "explained", "known divergence", "unexplained"})
COMPARED_OR_FAILED = COMPARED | {"engine failed"}
#: Verdicts that end a run with status 1.
FAILING = ("engine failed", "unexplained")


def worst(verdicts) -> str:
    """The verdict a reader must see first."""
    return max(verdicts, key=ORDER.__getitem__)


def verdict_of_case(counts: Mapping[str, int]) -> str:
    """The worst verdict on the comparisons of a case that were made; where none was made, the worst of all.

    What one engine does not give (β at fixed hsq, say) is counted and does not hide that all others agree.
    """
    made = [verdict for verdict in counts if verdict in COMPARED_OR_FAILED]
    return worst(made or counts or ["not comparable"])
