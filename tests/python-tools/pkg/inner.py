def from_inner():
    """Of a module below."""
    return "inner"
