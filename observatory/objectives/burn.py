"""Burn rates: how fast the error budget goes, and what that means in time.

A burn rate of 1 spends exactly the budget over the window. Formulas from the chapter "Alerting on SLOs" of
The Site Reliability Workbook (Google, 2018); `error_ratio` is the share of bad events while a fault lasts.
All functions are pure; times in seconds; None stands for "never" or "cannot be known".
"""

from __future__ import annotations

from observatory.objectives.budget import budget_ratio


def burn_rate(bad: float, total: float, target: float) -> float | None:
    """Error ratio over the allowed one; None without events."""
    return max(0.0, bad) / total / budget_ratio(target) if total > 0 else None


def budget_spent(burn: float, span_seconds: float, window_seconds: float) -> float:
    """Share of a window's budget that burns in a span, at an even event rate."""
    return burn * span_seconds / window_seconds


def detection_seconds(factor: float, target: float, long_seconds: float, error_ratio: float) -> float | None:
    """Time from the start of a fault, from a clean slate, until the long window reaches the factor.

    None when the fault is too mild ever to pass it: a rule fires above its factor, not on it.
    """
    threshold = factor * budget_ratio(target)
    return threshold * long_seconds / error_ratio if error_ratio > threshold else None


def reset_seconds(factor: float, target: float, short_seconds: float, error_ratio: float) -> float | None:
    """Time from the end of a fault until the short window falls below the factor; None when it never reached it."""
    threshold = factor * budget_ratio(target)
    return short_seconds * (1 - threshold / error_ratio) if error_ratio > threshold else None


def exhaustion_seconds(burn: float, window_seconds: float, remaining: float = 1.0) -> float | None:
    """Time until the rest of a window's budget is spent at a steady burn; 0 when spent, None when nothing burns."""
    if remaining <= 0:
        return 0.0
    return remaining * window_seconds / burn if burn > 0 else None


def is_reachable(factor: float, target: float) -> bool:
    """Whether an outage, every event bad, would reach the factor: 14.4 cannot fire for targets up to 93.05 %."""
    return factor * budget_ratio(target) < 1
