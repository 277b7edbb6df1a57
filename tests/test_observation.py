"""The record that every destination receives."""

import pytest

from tracing_proxies.recording.observation import Observation

PUBLIC_COLUMNS = (
    "trace_id id parent_observation_id name type start_time end_time level status_message input output metadata model "
    "usage_details user_id session_id tags trace_name environment release version sampling_weight"
).split()


def test_every_public_column_of_the_local_store_is_a_field() -> None:
    assert set(PUBLIC_COLUMNS) <= set(Observation._fields)


def test_an_observation_cannot_be_changed_after_masking() -> None:
    values = dict.fromkeys(Observation._fields)
    observation = Observation(**values)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        observation.name = "other"  # type: ignore[misc]
