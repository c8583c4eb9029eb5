"""The field's nouns: frozen values without verbs, units in their names, LPS millimetres inside."""
