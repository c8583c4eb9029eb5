"""Digital patients and test objects with every truth known."""
