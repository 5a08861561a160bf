"""Signals are noted, a second one interrupts, and handlers come back."""

from __future__ import annotations

import signal
import threading

import pytest

from spikeformers.train.stopping import stop_requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_the_second_interrupts(number: signal.Signals) -> None:
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    former = signal.signal(number, usual)  # `nohup` would have it ignored
    try:
        with stop_requests() as requested:
            assert requested() is None
            signal.raise_signal(number)
            assert requested() == number
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, former)


def test_a_callers_own_handler_stays() -> None:
    received: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with stop_requests() as requested:
            signal.raise_signal(signal.SIGTERM)
            assert requested() is None
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, former)


def test_another_thread_can_train_without_signals() -> None:
    seen: list[int | None] = []

    def work() -> None:
        with stop_requests() as requested:
            seen.append(requested())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
