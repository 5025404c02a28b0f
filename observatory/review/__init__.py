"""The monthly SLO review: every number computed once, the same input giving the same bytes."""
