"""Knowledge as data: TOML in which every entry carries its source, JSON schemas of what psmap writes."""
