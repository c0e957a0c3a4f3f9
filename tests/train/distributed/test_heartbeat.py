"""When to look up, and how fast it goes, on a clock that the test moves."""

import pytest

from plimsoll.train.distributed import heartbeat as pulse
from plimsoll.train.distributed.heartbeat import Heartbeat
from plimsoll.train.distributed.process_group import World


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(pulse, "time", made)
    return made


def pulse_of(save_seconds=0.0):
    made = Heartbeat(World(), lambda: False, save_seconds, batch_size=10)
    made.begin(0)
    return made


def test_the_speed_is_that_of_the_last_ten_seconds(clock):
    beat = pulse_of()
    speeds = []
    for second in range(1, 31):
        clock.now += 1
        # 20 steps a second, then 40: each second apart would swing between them.
        speeds.append(beat.beat(20 * second + 20 * max(0, second - 15), 0.0).samples_a_second)
    assert speeds[0] == 200
    assert speeds[14] == 200
    assert speeds[15] == 220
    assert speeds[24] == 400
    assert speeds[-1] == 400


def test_pauses_are_no_part_of_the_speed(clock):
    beat = pulse_of()
    clock.now += 2
    beat.beat(10, 0.0)
    clock.now += 50
    beat.exclude(50)
    clock.now += 2
    assert beat.beat(20, 0.0).samples_a_second == 50
    assert not beat.due(21)


def test_a_long_step_is_a_speed_of_its_own(clock):
    beat = pulse_of()
    for step in (1, 2, 3):
        clock.now += 60
        look = beat.beat(step, 0.0)
    assert look.samples_a_second == pytest.approx(10 / 60)
    assert beat.due(4)


def test_it_saves_by_the_clock(clock):
    beat = pulse_of(save_seconds=60)
    clock.now += 30
    assert not beat.beat(1, 0.0).save
    clock.now += 31
    assert beat.beat(2, 0.0).save
    beat.checkpoint_saved()
    assert not beat.beat(3, 0.0).save
