"""Base models that come with sirev, so that nobody waits until the embedded recipe's M_0 is pretrained.

Each is an archive of a store (`sirev.store.sharing.archive`), found by the key of the action that made it: there is one for a
recipe if, and only if, its M_0 would be made by that very action. It is checked as any archive is when it is taken in.
"""

from __future__ import annotations

from sirev.shipped import model_archive
from sirev.store.artifacts import Artifact
from sirev.store.store import Store

NOTE = "M_0 comes with sirev; --redo pretrain computes it again, which takes minutes"


def take(store: Store, key: str, artifact: str | None = None) -> Artifact | None:
    """The artifact of a key, taken into the store from what comes with sirev; None if nothing of this key does.

    With `artifact` (a manifest digest) that realisation or none. Raises BadInput if the archive is not what sirev wrote,
    SirevError if the store can't be written.
    """
    if (file := model_archive(key, artifact)) is None:
        return None
    from sirev.store.sharing.archive import import_file  # a replay has no use for it

    import_file(store, file, runs=False)
    return store.lookup(key, artifact)
