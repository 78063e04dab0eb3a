"""Hold an implementation of the linear mixed model to the laws: this project's, or your own.

An implementation of the mixed model is an `lmmbridge.engines.Engine` (two methods: the answers at fixed hsq, and at
its own optimum) together with a `Convention` that says what its numbers mean: which constants its log likelihoods leave out,
what its σ² divides by, whether it doubles K. In a test module of your project:

    from lmmbridge.testing.conformance import law_test
    from lmmbridge.testing.laws import Translated
    from lmmbridge.testing.lmm_laws import LMM_LAWS

    for law in LMM_LAWS:
        globals()[f"test_{law.name}"] = law_test(law, Translated(MyEngine(), MY_CONVENTION))

An engine in full, of an implementation that reports every constant, Q/(n−p) under REML and Q/n under ML, and takes K
as given:

    import numpy as np
    from lmmbridge.agreement.ledger import LEDGER
    from lmmbridge.engines import Availability, Engine, Evaluation, Optimum

    class MyEngine(Engine):
        name = "mine"
        computes = ("loglik",)                  # σ² and β at fixed hsq are not given: laws on them are not applied
        takes_weights = False                   # otherwise they are data.weights, shape (n,), 1/variance; None: no weights

        def availability(self):
            return Availability(mine.__version__)

        def at_hsq(self, data, hsq, reml):      # hsq, loglik: shape (values, phenotypes)
            return Evaluation(np.array([[mine.loglik(data.Y[:, j], data.X, data.K, h, reml) for j, h in enumerate(row)]
                                        for row in hsq]))

        def optimum(self, data, reml):          # hsq, loglik, sigmasq: shape (phenotypes,)
            fits = [mine.fit(y, data.X, data.K, reml) for y in data.Y.T]
            return Optimum(hsq=np.array([fit.hsq for fit in fits]), loglik=np.array([fit.loglik for fit in fits]),
                           sigmasq=np.array([fit.sigmasq for fit in fits]))

    MY_CONVENTION = LEDGER["python"]            # or dataclasses.replace(LEDGER["python"], kinship_multiple=2.0), …

Evaluation and Optimum have room for σ² and β, too (β: (values, p, phenotypes) and (p, phenotypes)). Where V is not positive
definite, and where there is no optimum, give nan: an engine that raises has given no answer at all.

Where a law fails, its statement and the reason for it stand below the numbers; LAWS.md beside this file has all. A test is
skipped, with the reason, where the law cannot be applied (a law about weights, and an engine that takes none).

`find_breach` looks for a breach outside pytest and returns the smallest it finds.
"""
from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, find, given, settings
from hypothesis.errors import NoSuchExample

from lmmbridge.progress import track
from lmmbridge.testing.conditioning import tolerance
from lmmbridge.testing.laws import Breach, CannotTell, Law, NotApplicable, Translated

#: Cases before the part that could not tell says anything, and standard deviations by which a sample of them may miss it.
ENOUGH, CHANCE = 20, 3.0
#: Problems to which a law is applied where nobody says how many.
EXAMPLES = 60


def outcome(law: Law, implementation: Any, case: Any) -> tuple[str, Breach | str]:
    """("held", ""), ("breach", the breach), or ("not applicable" or "cannot tell", why)."""
    try:
        breach = law.breach(implementation, case)
    except NotApplicable as why:
        return "not applicable", str(why)
    except CannotTell as why:
        return "cannot tell", str(why)
    return ("held", "") if breach is None else ("breach", breach)


@dataclass(frozen=True, eq=False)
class Examination:
    """What came of holding an implementation to a law.

    Attributes
    ----------
    law : Law
    breach : Breach or None
        The smallest that was found.
    held : int
        Cases in which the law held.
    untold : dict
        Why a case could not tell, or the law could not be applied → number of cases.
    """

    law: Law
    breach: Breach | None
    held: int
    untold: dict[str, int]


def find_breach(law: Law, implementation: Any, max_examples: int = 200, seed: int = 0) -> Breach | None:
    """Look for a case in which the implementation breaks the law, and shrink it.

    Parameters
    ----------
    law, implementation, max_examples, seed
        As for `examine`.

    Returns
    -------
    Breach, or None where none was found

    Warns
    -----
    UserWarning
        Where no case could tell, with the reasons: that nothing was found then says nothing.
    """
    found = examine(law, implementation, max_examples, seed)
    if found.breach is None and not found.held:
        warnings.warn(f"law '{law.name}' was not applied to {implementation.name}: {'; '.join(found.untold)}", stacklevel=2)
    return found.breach


def examine(law: Law, implementation: Any, max_examples: int = 200, seed: int = 0) -> Examination:
    """Hold an implementation to a law until it is broken or the examples are used up.

    Parameters
    ----------
    law : Law
    implementation : Translated for LMM_LAWS; an object with the functions of `lmmbridge.qtl2` for SCAN_LAWS
    max_examples : int, default 200
    seed : int, default 0
        The same seed finds the same breach.

    Returns
    -------
    Examination
    """
    seen: Counter = Counter()

    def breaks(drawn: Any) -> bool:
        what, found = outcome(law, implementation, drawn)
        if what != "breach":
            seen["" if what == "held" else found] += 1
        return what == "breach"

    quiet = settings(max_examples=max_examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    try:
        case = find(law.cases, breaks, settings=quiet, random=Random(seed))
    except NoSuchExample:
        breach = None
    else:
        breach = law.breach(implementation, case)
    return Examination(law, breach, seen.pop("", 0), dict(seen))


def hold_to_laws(implementation: Translated, laws: tuple[Law, ...], max_examples: int) -> list[dict[str, Any]]:
    """What came of each law, for the results of a run; with a bar of progress.

    Returns
    -------
    list of dict
        engine, law, statement, reason, state ("held", "broken", or "not applied"), held (cases in which it held), untold (why
        a case could not tell, or the law could not be applied → number of cases), breach (one sentence, or None).
    """
    rows = []
    for law in track(laws, f"laws on {implementation.name}"):
        found = examine(law, implementation, max_examples)
        state = "broken" if found.breach is not None else "held" if found.held else "not applied"
        rows.append({"engine": implementation.name, "law": law.name, "statement": law.statement, "reason": law.reason,
                     "state": state, "held": found.held, "untold": found.untold,
                     "breach": None if found.breach is None else str(found.breach)})
    return rows


def law_test(law: Law, implementation: Any, known: Callable[[Breach], str | None] = lambda breach: None,
             tally: Counter | None = None, max_examples: int | None = None) -> Callable[[], None]:
    """A test for pytest or unittest that holds the implementation to the law.

    Parameters
    ----------
    law : Law
    implementation
        As for `find_breach`.
    known : function of Breach, optional
        The name of the known divergence that a breach comes from, or None. Such breaches are counted.
    tally : collections.Counter, optional
        Counts the outcomes: "held", "cannot tell", "not applicable", and "known: …".
    max_examples : int, optional
        Default: that of the current hypothesis profile, from which all other settings come.

    Returns
    -------
    function without arguments
        It fails with the smallest breach found; fails where more cases than `untold` (tolerances.yaml) could not tell;
        is skipped, with the reason, where the law could be applied to no case that can tell.
    """
    # No deadline: how long a case takes is not what a law is about.
    @settings(max_examples=settings.default.max_examples if max_examples is None else max_examples, deadline=None)
    @given(case=law.cases)
    def hold(case):
        what, found = outcome(law, implementation, case)
        if what == "breach":
            name = known(found)
            if name is None:
                raise AssertionError(f"{found}\nThe law: {law.statement}\nThe reason: {law.reason}")
            what = f"known: {name}"
        counts[what] += 1
        if what in ("not applicable", "cannot tell"):
            reasons[what, found] += 1

    def test():
        counts.clear()
        reasons.clear()
        hold()
        if tally is not None:
            tally.update(counts)
        told = sum(counts.values()) - counts["not applicable"] - counts["cannot tell"]
        if told == 0 and counts["not applicable"] > 0:
            raise SkipTest(f"law '{law.name}' on {implementation.name}: {'; '.join(why for _, why in reasons)}")
        cases, part = max(told + counts["cannot tell"], ENOUGH), tolerance("untold")
        chance = CHANCE * math.sqrt(part * (1.0 - part) / cases)
        why = next((why for (what, why), _ in reasons.most_common() if what == "cannot tell"), "")
        assert counts["cannot tell"] <= cases * (part + chance), (
            f"law '{law.name}': {counts['cannot tell']} of {cases} cases could not tell, which says nothing of the "
            f"implementation; mostly: {why}")

    counts: Counter = Counter()
    reasons: Counter = Counter()
    test.__name__ = test.__qualname__ = f"test_{law.name.replace('-', '_')}"
    test.__doc__ = f"{law.statement}. {law.reason}"
    return test
