"""How channels are measured: a closed vocabulary of signals, profiles of real exporters, and the mapping."""
