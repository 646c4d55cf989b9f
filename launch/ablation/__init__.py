"""Networks under objectives from seeds: trained alike, judged alike, one table."""
