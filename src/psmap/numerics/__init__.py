"""The few array algorithms that no kept library gives: sorted flood, SUVpeak, shapes."""
