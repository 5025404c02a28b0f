"""Good and total per step, exactly: increments, births, resets, gaps, lag in seconds, hops.

Functions of arrays and times.
"""
