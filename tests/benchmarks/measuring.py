"""Interleaved runs of both sides, agreement of what they found, and memory in fresh processes."""
from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from cases import Case
from inputs import SEED, Inputs
from peers import Answers
from stopwatch import seconds_of

from lmmbridge.engines import words_of
from lmmbridge.rlink import RSession

#: What takes less (seconds) is repeated within a run.
LEAST = 1.0
#: Up to this many seconds there are all the rounds that were asked for; up to the next number, three; up to the last, two.
SHORT, LONG, TOO_LONG = 2.0, 30.0, 120.0
OURS = "ours"


@dataclass(eq=False)
class Side:
    """What was measured of one side of a case.

    Attributes
    ----------
    name : str
    run : callable
        run(repeats) gives seconds of one run, and answers.
    factor : float
    remark : str
    problem : str or None
        Why there are no numbers.
    seconds : list of float
        Of each round, times the factor.
    answers : dict
    """

    name: str
    run: Callable[[int], tuple[float, Answers]]
    factor: float = 1.0
    remark: str = ""
    problem: str | None = None
    seconds: list[float] = field(default_factory=list)
    answers: Answers = field(default_factory=dict)
    repeats: int = 1
    rounds: int = 1

    def first(self, most: int, least: float) -> None:
        """A run that is not counted where it is short, but says how many rounds there are."""
        seconds = self._once()
        if self.problem is not None:
            return
        self.repeats = max(1, min(1000, math.ceil(least / max(seconds, 1e-6))))
        self.rounds = most if seconds < SHORT else min(3 if seconds < LONG else 2 if seconds < TOO_LONG else 1, most)
        if seconds < SHORT:
            self.seconds.clear()

    def next(self) -> None:
        """One more round, if one is due."""
        if self.problem is None and len(self.seconds) < self.rounds:
            self._once()

    def _once(self) -> float:
        self.answers = {}       # which may be large
        try:
            seconds, self.answers = self.run(self.repeats)
        except NotImplementedError as error:
            self.problem = f"not measured: {error}"
        except Exception as error:      # the other rows go on
            self.problem = f"failed: {words_of(error)}"
        if self.problem is not None:
            return math.nan
        self.seconds.append(seconds * self.factor)
        return seconds

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.problem is None and self.seconds else None


def inputs_of(case: Case, quick: bool, session: RSession | None) -> Inputs:
    """The case's inputs; for permutations with R's random numbers, where R is there."""
    sizes = case.sizes_of(quick)
    inputs = case.inputs(sizes)
    if "n_perm" in sizes and session is not None:
        inputs = replace(inputs, uniforms=session.call("uniforms", SEED, sizes["n_perm"] * (sizes["n"] - 1)).value)
    return inputs


def sides_of(case: Case, inputs: Inputs, session: RSession, cores: int) -> tuple[Side, list[Side]]:
    """Ours, and the peers, each with its inputs."""
    ours = Side(OURS, lambda repeats: seconds_of(lambda: case.ours(inputs, cores), repeats))
    peers = []
    for peer in case.peers:
        side = Side(peer.name, lambda repeats, peer=peer: peer.timed(inputs, session, cores, repeats), peer.factor, peer.remark)
        side.problem = peer.missing(session)
        peers.append(side)
    ready = [peer for peer, side in zip(case.peers, peers) if side.problem is None]
    if ready:
        ready[0].prepare(inputs, session)       # the peers of a case take the same
    return ours, peers


def interleave(ours: Side, peers: list[Side], rounds: int, least: float = LEAST) -> None:
    """Rounds of all sides, one after the other."""
    sides = [ours, *peers]
    for side in sides:
        if side.problem is None:
            side.first(rounds, least)
    for _ in range(rounds):
        for side in sides:
            side.next()


def agreement(ours: Answers, theirs: Answers) -> dict[str, float]:
    """How far the answers are apart, by name; of p-values how many digits agree, at the worst.

    Where the peer did a part of the work, that is compared.
    """
    found = {}
    for name in ours.keys() & theirs.keys():
        one, other = (np.atleast_1d(np.asarray(side[name], dtype=float)) for side in (ours, theirs))
        common = tuple(slice(0, min(sizes)) for sizes in zip(one.shape, other.shape))
        one, other = one[common], other[common]
        if np.isnan(one).any() or np.isnan(other).any():
            found[f"{name}_missing"] = int(np.sum(np.isnan(one) != np.isnan(other)))
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.abs(one - other)
            if name == "p":
                found["p_digits"] = float(min(16.0, -np.log10(np.nanmax(apart / other))))
            else:
                found[name] = float(np.nanmax(apart))
    return found


def memory(case: Case, side: str, quick: bool, cores: int) -> dict[str, float] | str:
    """Bytes before and at the peak of one run in a fresh process; or what went wrong."""
    command = [sys.executable, str(Path(__file__).with_name("memory.py")), case.key, side, str(cores), str(int(quick))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1])
