"""Functions whose descriptions are compared, one by one, by test_tool_python.c."""
import dataclasses
import functools
import typing
from typing import Annotated, Any, Dict, List, Literal, Optional, Union


class Thing:
    pass


def nothing():
    pass


def simple(a: str, b: int, c: float, d: bool):
    """

    The first line.
    The second.
    """


def defaults(a: str, b: int = 1, *, c: float, d: Optional[str] = None):
    pass


def generic(a: list[int], b: List[float], c: list[list[bool]], d: dict[str, int], e: Dict[str, Any], f: list[dict[str, int]]):
    pass


def bare(a: list, b: dict, c: List, d: Dict, e, f: Any, g: Thing, h: Literal["x", "y"], i: tuple[int, int], j: bytes, k: None):
    pass


def unions(a: Optional[int], b: Union[None, float, str], c: Optional[list[int]], d: Union[str, int], e: "Optional[bool]"):
    pass


def new_unions(a: "int | None", b: "None | dict[str, int] | str"):
    pass


def annotated(a: Annotated[int, "a number"]):
    pass


def unknown_name(a: "NotThere", b: int):  # noqa: F821
    pass


def variable(a: str, *args: int, **kwargs: str):
    pass


def documented(query: str, limit: int = 3, tags: Optional[list[str]] = None, deep: bool = False):
    """Looks for something.

    More about it: a lot.

    Args:
        query: what to look for, over
            two lines: with a colon
        limit (int): how many
        tags (list[str], optional):
            on a line of its own

        deep: also below
    Returns:
        str: what was found
    limit: not this
    """


def other_sections(a: str, b: str = ""):
    """One.

    Returns:
        a: nothing

    Args:
        a: the first
        kwargs: of no parameter
    Raises: b: nothing
    """


def no_args(a: str):
    """a: not an Args section."""


async def coroutine(a: int) -> int:
    """Waits."""
    return a


def passes_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@passes_on
def wrapped(a: int, b: str = "x"):
    """Is wrapped."""


@functools.lru_cache
def cached(a: int):
    """Is cached."""
    return a


class Space:
    class Inner:
        @staticmethod
        def static(a: int):
            """In a class."""
            return a

        @classmethod
        def of_class(cls, b: str):
            return b

        def method(self, c: float):
            return c


class FullTool:
    """A class as the Python package has them: made without arguments."""

    large_output = True

    def __init__(self):
        self.name = "full"
        self.description = "All of it.\nTwo lines."

    @property
    def parameters(self):
        return {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}

    async def execute(self, **arguments):
        return f"executed {arguments}"


class CallTool:
    name, description, parameters = "call-it", "", {"type": "object", "properties": {}}

    def call(self, **arguments):
        return f"called {arguments}"


instance = CallTool()
instance.name = "renamed"
nameless = functools.partial(nothing)
number = 3


class BadName(CallTool):
    name = "not a name"


class BadSchema(CallTool):
    parameters = {"type": "object", "properties": {"a": {"type": "strange"}}}


class DeepSchema(CallTool):
    parameters = {"type": "object", "properties": {}}
    for _ in range(200):
        parameters = {"type": "object", "properties": {"a": parameters}}


class LongText(CallTool):
    description = "x" * 9000


@dataclasses.dataclass
class NoTool:
    a: int


def _private():
    """Is private."""
    return "private"
