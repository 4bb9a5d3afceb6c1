from .inner import from_inner  # noqa: F401
