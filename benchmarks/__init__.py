"""Measurements of edversion, side by side with what it is compared to; run by `make bench`."""
