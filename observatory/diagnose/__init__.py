"""Which of the eight failure modes fits the evidence, ranked, with what was seen and what could not be seen."""
