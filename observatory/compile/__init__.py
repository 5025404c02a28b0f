"""One indicator tree, said in each language: PromQL and SQL. No other room but `rules` writes either."""
