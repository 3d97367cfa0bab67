"""What a loop does after a fault."""

from chassis.loop import FIRST_DELAY, LONGEST_DELAY, delay_after


def test_a_worker_waits_longer_after_each_fault_and_never_longer_than_a_minute() -> None:
    delays = [delay_after(faults) for faults in range(1, 40)]
    assert delays[0] == FIRST_DELAY
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
