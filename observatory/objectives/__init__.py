"""SLOs: how much good is enough, over which window, and how fast the error budget may burn."""
