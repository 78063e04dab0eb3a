"""Memory of one side of a case, in this process of its own: `python memory.py CASE SIDE CORES QUICK` prints JSON."""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from cases import all_cases  # noqa: E402
from measuring import OURS, inputs_of  # noqa: E402
from peers import RPeer, r_session  # noqa: E402


def main() -> None:
    key, name, cores, quick = sys.argv[1:]
    case = next(case for case in all_cases(bool(int(quick))) if case.key == key)
    inputs = inputs_of(case, bool(int(quick)), None)
    if name == OURS:
        begin_peak_anew()
        before = resident("VmRSS")
        case.ours(inputs, int(cores))
        found = {"before": before, "peak": resident("VmHWM")}
    else:
        peer = next(peer for peer in case.peers if peer.name == name)
        session = r_session() if isinstance(peer, RPeer) else None
        peer.prepare(inputs, session)
        found = peer.memory(inputs, session, int(cores))
    print(json.dumps(found))


def begin_peak_anew() -> None:
    """Let the kernel forget the peak so far; where it does not, making the inputs counts, too."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass


def resident(what: str) -> float:
    """VmRSS or VmHWM of this process, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{what}:"):
            return float(line.split()[1]) * 1024.0
    raise RuntimeError(f"/proc/self/status has no {what}")


if __name__ == "__main__":
    main()
