"""See `trackio`."""

from __future__ import annotations

from contextvars import ContextVar

current_run: ContextVar[object] = ContextVar("current_run", default=None)
