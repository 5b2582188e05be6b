"""Rows of a few linear tasks, with either loss."""

from functools import partial

import pytest
from grouped_tasks import grouped_tasks

from patom.core.losses import squared_error, squared_hinge


@pytest.fixture(name="loss", params=[squared_error, squared_hinge], ids=lambda loss: loss.name)
def fixture_loss(request):
    return request.param


@pytest.fixture
def make_rows(loss):
    return partial(grouped_tasks, loss)
