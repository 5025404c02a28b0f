"""Drift: what documents declare against what runs, name by name, participant by participant, value by value."""
