"""R/qtl2's data and mixed-model functions in Python: its names, its argument order, its rules, its numbers."""
