"""Memory of what was sent to trackers, so that nothing is sent twice.

It is kept outside the store, which does not depend on trackers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sirev.execution.user_state import read_state, write_state
from sirev.store.digests import canonical_json, sha256
from sirev.trackers.dispatch import TrackerTarget


@dataclass
class Sent:
    """The state of one run in one tracker project: values sent so far."""

    file: str
    curves: dict[str, int] = field(default_factory=dict)
    """Training -> its last optimizer step that was sent."""
    values: dict[str, dict[str, float | str]] = field(default_factory=dict)
    """t -> last values of M_t that were sent, by name."""
    whole: str | None = None
    """Digest of the comparison with which the complete run was sent; None before."""

    @classmethod
    def of(cls, target: TrackerTarget, store_id: str, run_id: str, *, nothing: bool = False) -> Self:
        """The remembered state of a run in a tracker project, empty if there is none; `nothing` gives an empty one."""
        named = canonical_json([str(target), target.kind.place, store_id, run_id])
        file = f"tracked/{sha256(named)[:32]}.json"
        try:
            noted: dict[str, Any] = {} if nothing else json.loads(read_state(file) or "{}")
            values = {t: dict(sent) for t, sent in noted.get("values", {}).items()}
            return cls(file, dict(noted.get("curves", {})), values, noted.get("whole"))
        except (ValueError, TypeError, AttributeError):  # damaged
            return cls(file)

    def save(self) -> bool:
        """Save the state; returns False where nothing can be written."""
        return write_state(self.file, json.dumps({name: value for name, value in asdict(self).items() if name != "file"}))
