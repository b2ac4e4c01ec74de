"""Exceptions: the sentences are those of the library."""


class DataError(ValueError):
    """Data, a file or an argument that was refused; the sentence says what to do."""


class FileError(DataError, OSError):
    """A file that cannot be opened, read or written."""
