"""SLIs: what counts as good, said once in a closed vocabulary and compiled for every engine."""
