"""Reading the data of a reprex; `reprex` copies these functions into its scripts. Nothing but numpy."""
import csv
from pathlib import Path

import numpy as np


def open_table(name):
    """<name>.csv beside this script."""
    return open(Path(__file__).with_name(name + ".csv"), newline="", encoding="utf-8")


def read_table(name):
    """The first row and the other rows of <name>.csv, as text."""
    with open_table(name) as file:
        first, *rows = csv.reader(file)
    return first, rows


def read_matrix(name):
    """The numbers of <name>.csv, whose first column holds the IDs."""
    return np.array([[float(text) for text in row[1:]] for row in read_table(name)[1]])


def read_vector(name):
    """The second column of <name>.csv."""
    return read_matrix(name)[:, 0]


def read_genoprobs(name):
    """Arrays (individuals, genotypes, positions) by chromosome; rows: chromosome, X or not, position, genotype, numbers."""
    first, rows = read_table(name)
    found = {}
    for chromosome in dict.fromkeys(row[0] for row in rows):
        these = [row for row in rows if row[0] == chromosome]
        positions = list(dict.fromkeys(row[2] for row in these))
        numbers = np.array([[float(text) for text in row[4:]] for row in these])
        found[chromosome] = numbers.reshape(len(positions), -1, len(first) - 4).transpose(2, 1, 0)
    return found
