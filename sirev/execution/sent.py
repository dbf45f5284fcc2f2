"""What of a run a tracker was sent, so that nothing is sent twice.

Kept outside of the store, which is the same with a tracker and without.
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
    """What was sent of one run to one place."""

    file: str
    curves: dict[str, int] = field(default_factory=dict)
    """A training -> its last optimizer step that was sent."""
    values: dict[str, dict[str, float | str]] = field(default_factory=dict)
    """t -> the values that were sent last of M_t, by their names."""
    whole: str | None = None
    """The comparison with which the run was sent to its end, by the digest of its artifact."""

    @classmethod
    def of(cls, target: TrackerTarget, store_id: str, run_id: str, *, nothing: bool = False) -> Self:
        """As it is remembered; `nothing` forgets it."""
        named = canonical_json([str(target), target.kind.place, store_id, run_id])
        file = f"tracked/{sha256(named)[:32]}.json"
        try:
            noted: dict[str, Any] = {} if nothing else json.loads(read_state(file) or "{}")
            values = {t: dict(sent) for t, sent in noted.get("values", {}).items()}
            return cls(file, dict(noted.get("curves", {})), values, noted.get("whole"))
        except (ValueError, TypeError, AttributeError):  # not as it was written
            return cls(file)

    def save(self) -> bool:
        """Remember it; False where nothing can be written."""
        return write_state(self.file, json.dumps({name: value for name, value in asdict(self).items() if name != "file"}))
