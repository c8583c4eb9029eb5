"""Teaching networks: data, augmentation, loops and scores; nothing here is needed to use psmap."""
