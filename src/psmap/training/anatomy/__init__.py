"""The network of anatomy, taught on digital men."""
