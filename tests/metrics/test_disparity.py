from __future__ import annotations

import numpy as np
import pytest

from sirev.metrics.disparity import group_disparity


def test_group_disparity() -> None:
    assert group_disparity(0.8, 0.2) == pytest.approx(0.75)
    assert group_disparity(0.5, 0.6) == pytest.approx(-0.2)
    with np.errstate(invalid="ignore"):
        assert np.isnan(group_disparity(np.array([0.0, 0.5]), np.array([0.0, 0.25]))).tolist() == [True, False]
