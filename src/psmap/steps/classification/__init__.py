"""From sites to findings."""
