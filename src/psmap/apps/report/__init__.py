"""The report: HTML and PDF of one case."""
