"""Base models shipped with sirev, so that the embedded recipe's M_0 need not be pretrained.

Each is an archive of a store (`sirev.store.sharing.archive`), found by the key of the action that made it, so it is used
only for recipes whose M_0 has this key. It is checked like any other archive when it is imported.
"""

from __future__ import annotations

from sirev.shipped import model_archive
from sirev.store.artifacts import Artifact
from sirev.store.store import Store

NOTE = "M_0 comes with sirev; --redo pretrain computes it again, which takes minutes"


def take(store: Store, key: str, artifact: str | None = None) -> Artifact | None:
    """Import the shipped artifact of a key into the store and return it; None if none is shipped.

    With `artifact` (a manifest digest), that realisation or none. Raises BadInput if the archive is damaged, SirevError if
    the store can't be written.
    """
    if (file := model_archive(key, artifact)) is None:
        return None
    from sirev.store.sharing.archive import import_file  # a replay does not need it

    import_file(store, file, runs=False)
    return store.lookup(key, artifact)
