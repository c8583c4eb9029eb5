"""From SUV to sites of raised uptake."""
