"""The queries of WikiSQL: one column, at most one aggregation, conditions joined by AND (arXiv 1709.00103).

They are written in one line of SQL in which columns go by their number and every value is quoted:
``SELECT MAX(col2) FROM table WHERE col0 = 'it''s' AND col1 > '5'``. Names of columns would not do: they hold
spaces and words of SQL, and a table may have one twice.
"""

import re
from dataclasses import dataclass

AGGREGATIONS = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")
MOST_CONDITIONS = 32  # the data has 4 at most; a longer query is no answer to a question

# Words may stand in any case and with any space between them; nothing else is forgiven.
_SELECT = re.compile(
    rf"\s*SELECT\s+(?:({'|'.join(AGGREGATIONS[1:])})\s*\(\s*col([0-9]{{1,4}})\s*\)|col([0-9]{{1,4}}))\s+FROM\s+table",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\s+(WHERE|AND)\s+col([0-9]{1,4})\s*([=<>])\s*'((?:[^']|'')*)'",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Condition:
    """What the cells of a column are compared with.

    Attributes:
        column: its number.
        operator: position in `OPERATORS`.
        value: text, also of a number.
    """

    column: int
    operator: int
    value: str


@dataclass(frozen=True)
class Query:
    """A query in its parts.

    Attributes:
        column: number of the column that is asked for.
        aggregation: position in `AGGREGATIONS`.
        conditions: all of which have to hold.
    """

    column: int
    aggregation: int
    conditions: tuple[Condition, ...] = ()

    def fits(self, columns: int) -> bool:
        """Return whether all that it names is there, in a table of so many columns."""
        used = (self.column, *(condition.column for condition in self.conditions))
        operators = (condition.operator for condition in self.conditions)
        return (
            all(0 <= column < columns for column in used)
            and 0 <= self.aggregation < len(AGGREGATIONS)
            and all(0 <= operator < len(OPERATORS) for operator in operators)
            and len(self.conditions) <= MOST_CONDITIONS
        )

    def equals(self, other: "Query") -> bool:
        """Return whether both say the same, as WikiSQL's own evaluation has it.

        Conditions count as a set, whatever their order, and their values without regard to capitals. Beyond
        that a run of white space counts as one space, since a query is written in one line.
        """
        return (self.column, self.aggregation, self._set()) == (
            other.column,
            other.aggregation,
            other._set(),
        )

    def _set(self) -> set[tuple[int, int, str]]:
        return {(one.column, one.operator, plain(one.value)) for one in self.conditions}


def plain(text: str) -> str:
    """Return a text in small letters, with single spaces: what makes two cells or values equal."""
    return " ".join(text.lower().split())


def write(query: Query) -> str:
    """Return a query in the one line that `parse` reads."""
    name = AGGREGATIONS[query.aggregation]
    asked = f"{name}(col{query.column})" if name else f"col{query.column}"
    conditions = " AND ".join(
        f"col{one.column} {OPERATORS[one.operator]} {_quoted(one.value)}" for one in query.conditions
    )
    # A text for a model to learn; nothing runs it.
    return f"SELECT {asked} FROM table" + (f" WHERE {conditions}" if conditions else "")  # noqa: S608


def _quoted(value: str) -> str:
    text = " ".join(value.split()).replace("'", "''")
    return f"'{text}'"


def parse(text: str) -> Query | None:
    """Return the query that a text is, from its first letter to its last; None where it is none."""
    head = _SELECT.match(text)
    if head is None:
        return None
    name, aggregated, alone = head.groups()
    conditions: list[Condition] = []
    end = head.end()
    while found := _CONDITION.match(text, end):
        word, column, operator, value = found.groups()
        if (word.upper() == "WHERE") != (not conditions):
            return None
        conditions.append(Condition(int(column), OPERATORS.index(operator), value.replace("''", "'")))
        end = found.end()
    if text[end:].strip():
        return None
    aggregation = AGGREGATIONS.index(name.upper()) if name else 0
    return Query(int(aggregated or alone), aggregation, tuple(conditions))
