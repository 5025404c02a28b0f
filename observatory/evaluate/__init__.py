"""Ledger and objectives in, status out: SLI, error budget, burn rates, state. Numbers are made only here."""
