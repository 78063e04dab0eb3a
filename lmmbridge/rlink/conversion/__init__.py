"""Conversion of values between Python and R, in the process of R only; the mapping is told in `lmmbridge.rlink`."""
