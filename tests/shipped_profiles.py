"""The shipped profiles, read once for all tests of a worker."""

from __future__ import annotations

from observatory.telemetry.profile import load_profiles

PROFILES = load_profiles()
