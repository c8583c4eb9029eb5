"""The verbs: one room a clinical step, pure functions; no room imports another, none opens a file."""
