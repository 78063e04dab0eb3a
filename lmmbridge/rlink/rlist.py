"""A named R list that has attributes besides its names."""


class RList(dict):
    """A dict that carries the further attributes of the R list it stands for, such as an S3 class.

    The attributes do not count in comparisons, as with those of pandas and xarray objects.

    Parameters
    ----------
    elements : mapping, or iterable of (str, object)
    attrs : mapping of str to object, optional
        Attributes other than the names.

    Attributes
    ----------
    attrs : dict

    Examples
    --------
    >>> fit = RList({"hsq": 0.5}, {"class": "fit"})
    >>> fit["hsq"], fit.attrs["class"]
    (0.5, 'fit')
    """

    def __init__(self, elements=(), attrs=None):
        super().__init__(elements)
        self.attrs = dict(attrs or {})

    def __repr__(self):
        return f"RList({super().__repr__()}, {self.attrs!r})"
