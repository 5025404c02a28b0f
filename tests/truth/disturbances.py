"""What happens to scrapes, servers and labels while events go on, with known truth: none of it is an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from counting_cases import DAY_MS, HOUR_MS, MINUTE_MS, Series, counter, handled
from truth.scenario import Scenario, hour_of_day, on_grid, steady


def idle_nights() -> Scenario:
    """Nothing happens for twelve hours of each day; by day one event in two hundred fails."""
    grid, t = steady(10)
    day = (hour_of_day(t) >= 8) & (hour_of_day(t) < 20)
    errors, good = np.where(day, 3.0, 0.0), np.where(day, 597.0, 0.0)
    series = [counter(handled("success"), t, good), counter(handled("error"), t, errors)]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def six_hours_dark_every_other_day() -> Scenario:
    """Five gaps of six hours, in which everything fails; the counters survive all of them."""
    grid, t = steady(10)
    since = t - grid.start_ms
    dark = (since > 0) & (since // DAY_MS % 2 == 1) & (since % DAY_MS <= 6 * HOUR_MS)
    errors, good = np.where(dark, 120.0, 0.0), np.where(dark, 0.0, 120.0)
    series: list[Series] = [
        (handled("success"), t[~dark], 1e6 + np.cumsum(good)[~dark]),
        (handled("error"), t[~dark], np.cumsum(errors)[~dark]),
    ]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1 - 30 / 240)


def errors_of_a_metric_of_their_own() -> Scenario:
    """Error counters that live apart, each born at 1 and never moving again; their target is known by the others."""
    grid, t = steady(4)
    series = [counter(handled("success", pod), t, 60.0) for pod in ("a:1", "b:1")]
    for number in range(400):
        born = 130 + 13 * number
        labels = handled("error", "ab"[number % 2] + ":1", message=f"m{number}")
        series.append((labels, t[born:], np.ones(len(t) - born)))
    return Scenario(series, grid, 400.0, 2 * on_grid(t, np.full(len(t), 60.0), grid) + 400.0, 1.0)


def two_servers_of_a_pair(label: str, servers: int = 2) -> Scenario:
    """Servers that scrape the same target half a minute apart, each away for two hours at another time."""
    grid, t = steady(2)
    series: list[Series] = []
    for number in range(servers):
        times = t[:-1] + 30_000 * number // max(1, servers - 1)
        begin = grid.end_ms - (30 - 5 * number) * HOUR_MS
        away = (times > begin) & (times <= begin + 2 * HOUR_MS)
        second = (times - t[0]) // 1000
        for outcome, rate in (("success", 10), ("error", 1)):
            labels = handled(outcome, **{label: f"server-{number}"})
            series.append((labels, times[~away], (second[~away] * rate).astype(np.float64)))
    last = t[-2]
    inside = (last - t[t <= grid.start_ms][-1]) / 1000
    return Scenario(series, grid, inside, 11 * inside, 1.0)


def federated_beside_the_original() -> Scenario:
    """A server that scrapes a target and also federates the same series from another one, under exported labels."""
    grid, t = steady(2)
    good, errors = np.full(len(t), 50.0), np.where(np.arange(len(t)) % 10 == 0, 1.0, 0.0)
    series: list[Series] = []
    for outcome, amount in (("success", good), ("error", errors)):
        values = np.cumsum(amount)
        series.append((handled(outcome), t, values))
        copied = {
            **handled(outcome),
            "job": "federate",
            "instance": "prometheus:9090",
            "exported_job": "svc",
            "exported_instance": "a:1",
        }
        # What is federated is the last scrape of the other server, handed on with its own time.
        series.append((copied, t[::2] + 11_000, values[::2]))
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def two_servers_in_one_series() -> Scenario:
    """Servers of a pair that no label tells apart; one scrapes after the other, with a clock five seconds ahead."""
    grid, t = steady(2)
    restart = grid.end_ms - 20 * HOUR_MS + 30_000

    def held(at_ms: np.ndarray, every_ms: int) -> np.ndarray:
        return (at_ms - np.where(at_ms < restart, t[0] - HOUR_MS, restart)) // every_ms

    times = np.stack((t, t + 2_000), axis=1).ravel()
    shown_at = np.stack((t, t + 2_000 - 5_000), axis=1).ravel()
    known = np.sort(shown_at[shown_at > t[t <= grid.start_ms][-1]])
    series: list[Series] = []
    counted = []
    for outcome, every_ms in (("success", 100), ("error", 59_000)):
        series.append((handled(outcome), times, held(shown_at, every_ms).astype(np.float64)))
        lost = held(known[known < restart][-1:], every_ms) - held(t[t <= grid.start_ms][-1:], every_ms)
        counted.append(float(lost[0] + held(known[-1:], every_ms)[0]))
    return Scenario(series, grid, counted[1], counted[0] + counted[1], 1.0)


def errors_that_are_written_every_five_minutes() -> Scenario:
    """A target whose errors are recorded by another job, five times more rarely than all else; nothing is amiss."""
    grid, t = steady(1)
    rare = t[4::5]
    good, errors = np.full(len(t), 50.0), np.arange(len(rare)) % 7.0
    series = [counter(handled("success"), t, good), counter(handled("error"), rare, errors)]
    bad = on_grid(rare, errors, grid)
    return Scenario(series, grid, bad, bad + on_grid(t, good, grid), 1.0)


def federated_twice() -> Scenario:
    """The same target federated from both servers of a pair; the `prometheus` label tells where from."""
    return two_servers_of_a_pair("prometheus")


def a_label_value_is_rewritten() -> Scenario:
    """Relabelling writes another value into a label: all series of the target go on under new names at once."""
    grid, t = steady(2)
    new = t > grid.end_ms - 20 * HOUR_MS
    good, errors = np.full(len(t), 50.0), np.where(np.arange(len(t)) % 7 == 0, 1.0, 0.0)
    series: list[Series] = []
    for outcome, amount, start in (("success", good, 9e6), ("error", errors, 5e3)):
        values = start + np.cumsum(amount)
        series.append((handled(outcome, topic="orders-v1"), t[~new], values[~new]))
        series.append((handled(outcome, topic="orders.v1"), t[new], values[new]))
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, good + errors, grid), 1.0)


def a_target_is_renamed(names: Sequence[dict[str, str]], *, with_start: bool) -> Scenario:
    """A job or instance label is rewritten while the process lives on; it started in mid-window."""
    grid, t = steady(3)
    begun = grid.start_ms + 10 * HOUR_MS
    t_life = t[t > begun]
    new = t_life > grid.end_ms - 20 * HOUR_MS
    steady_target = counter(handled("success", "steady:1"), t, 10.0)
    series: list[Series] = [steady_target]
    for outcome, rise in (("success", 50.0), ("error", 1.0)):
        values = np.cumsum(np.full(len(t_life), rise))
        series.append(({**handled(outcome), **names[0]}, t_life[~new], values[~new]))
        series.append(({**handled(outcome), **names[1]}, t_life[new], values[new]))
    if with_start:
        for labels, part in zip(names, (~new, new), strict=True):
            start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "a:1", **labels}
            series.append((start, t_life[part], np.full(int(part.sum()), begun / 1000)))
    # Without a start its very first scrape is where counting begins.
    seen = len(t_life) - (0 if with_start else 1)
    ten = on_grid(t, np.full(len(t), 10.0), grid)
    return Scenario(series, grid, float(seen), float(51 * seen + ten), 1.0)


def an_exporter_moves() -> Scenario:
    """A new pod of an exporter hands on counters of a broker that lives on; its process has just started."""
    grid, t = steady(3)
    new = t > grid.end_ms - 20 * HOUR_MS
    series: list[Series] = []
    for outcome, rise, start in (("success", 50.0, 7e6), ("error", 1.0, 3e4)):
        values = start + np.cumsum(np.full(len(t), rise))
        series.append((handled(outcome, "exporter-1:1"), t[~new], values[~new]))
        series.append((handled(outcome, "exporter-2:1"), t[new], values[new]))
    for pod, part, begun in (("exporter-1:1", ~new, t[0] - DAY_MS), ("exporter-2:1", new, t[new][0] - 20_000)):
        labels = {"__name__": "process_start_time_seconds", "job": "svc", "instance": pod}
        series.append((labels, t[part], np.full(int(part.sum()), begun / 1000)))
    errors, good = np.full(len(t), 1.0), np.full(len(t), 50.0)
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def an_exporter_warms_up() -> Scenario:
    """A new exporter answers its first scrapes without the broker's counters, which then come with their history."""
    grid, t = steady(3)
    at = len(t) - 1200
    old = counter(handled("success", "old:1"), t, 50.0)
    values = 7e6 + np.cumsum(np.full(len(t), 5.0))
    up = {"__name__": "up", "job": "svc", "instance": "new:1"}
    # A first series of the new target proves that it was scraped; the counters come three scrapes later.
    early = handled("success", "new:1", topic="internal")
    series: list[Series] = [
        old,
        (up, t[at - 3 :], np.ones(len(t) - at + 3)),
        (early, t[at - 3 :], np.zeros(len(t) - at + 3)),
        (handled("success", "new:1", topic="orders"), t[at:], values[at:]),
    ]
    truth = on_grid(t, np.full(len(t), 50.0), grid) + 5.0 * (len(t) - at - 1)
    return Scenario(series, grid, 0.0, float(truth), 1.0)


def a_retention_cut_of_processes_that_say_their_start(days_before: float = 30.0) -> Scenario:
    """The server holds the second half; the processes say that they started before all that it holds.

    Args:
        days_before: How long before the window they did.
    """
    grid, t = steady(2)
    kept = t > grid.end_ms - DAY_MS
    values = 5_000_000.0 + np.cumsum(np.full(len(t), 50.0))
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "a:1"}
    begun = (grid.start_ms - days_before * DAY_MS) / 1000
    series: list[Series] = [
        (handled("success"), t[kept], values[kept]),
        (start, t[kept], np.full(int(kept.sum()), begun)),
    ]
    return Scenario(series, grid, 0.0, 50.0 * (kept.sum() - 1))


def a_server_restart_with_new_pods() -> Scenario:
    """While the server is away for an hour every pod is replaced by a new one that has been counting since."""
    grid, t = steady(2)
    begin = grid.end_ms - 10 * HOUR_MS
    before, after = t <= begin, t > begin + HOUR_MS
    minutes = (t[after] - (begin + 20 * MINUTE_MS)) // MINUTE_MS
    series: list[Series] = []
    for outcome, rate in (("success", 60.0), ("error", 1.0)):
        series.append((handled(outcome, "old:1"), t[before], rate * np.arange(1.0, before.sum() + 1)))
        series.append((handled(outcome, "new:1"), t[after], rate * minutes.astype(np.float64)))
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "new:1"}
    series.append((start, t[after], np.full(int(after.sum()), (begin + 20 * MINUTE_MS) / 1000)))
    inside = int(((t > grid.start_ms) & before).sum()) + int(minutes[-1])
    return Scenario(series, grid, float(inside), 61.0 * inside)


DISTURBANCES: dict[str, Callable[[], Scenario]] = {
    function.__name__: function
    for function in (
        idle_nights,
        six_hours_dark_every_other_day,
        errors_of_a_metric_of_their_own,
        federated_beside_the_original,
        federated_twice,
        two_servers_in_one_series,
        errors_that_are_written_every_five_minutes,
        a_label_value_is_rewritten,
        an_exporter_moves,
        an_exporter_warms_up,
        a_retention_cut_of_processes_that_say_their_start,
        a_server_restart_with_new_pods,
    )
} | {
    "two_servers_told_apart_by_replica": lambda: two_servers_of_a_pair("replica"),
    "three_servers_told_apart_by_prometheus_replica": lambda: two_servers_of_a_pair("prometheus_replica", 3),
    "a_retention_cut_of_processes_that_started_within_the_window": lambda: (
        a_retention_cut_of_processes_that_say_their_start(-0.3)
    ),
    "a_job_is_renamed": lambda: a_target_is_renamed(({"job": "svc"}, {"job": "service"}), with_start=False),
    "a_job_is_renamed_whose_process_says_its_start": lambda: a_target_is_renamed(
        ({"job": "svc"}, {"job": "service"}), with_start=True
    ),
    "an_instance_is_renamed_whose_process_says_its_start": lambda: a_target_is_renamed(
        ({"instance": "10.0.0.1:80"}, {"instance": "shop-1"}), with_start=True
    ),
}
