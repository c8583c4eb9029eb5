"""From findings to tumour burden."""
