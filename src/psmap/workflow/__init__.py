"""The floor that introduces files to steps: the table of steps, the run, the export."""
