"""WikiSQL: write the query that answers a question about a table (Zhong et al. 2017, arXiv 1709.00103).

A decoder is given the question and the columns of the table, each with its number, name and kind, and goes on
with the query in the one line of `experiments.sql`. As in the LoRA paper (arXiv 2106.09685, table 4) the
headline is the accuracy of the logical form; what is measured here is the test split, there the validation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets import Dataset

from adalora.errors import DataError

from ..config import DataConfig
from ..metrics import Scores
from ..problems import WRITING, Columns, Part
from ..sql import Condition, Query, parse, write
from ..sql_tables import Table, answers
from .source import Source, read
from .task import Splits, Task

# The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
SOURCE = Source("Salesforce/wikisql", revision="refs/convert/parquet")
RAW = Columns(("question", "table"), "sql")
COLUMNS = Columns(("prompt",), "query")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Case:
    """What a written query is compared with.

    Attributes:
        query: the right one.
        table: where both are run.
    """

    query: Query
    table: Table


def read_query(found: Mapping[str, Any]) -> Query:
    """Return the query in a row's column ``sql``; its conditions are a record of lists, or a list of records.

    Raises:
        KeyError, TypeError or ValueError: it has another form.
    """
    conds, names = found["conds"], ("column_index", "operator_index", "condition")
    rows = (
        zip(*(conds[name] for name in names), strict=True)
        if isinstance(conds, Mapping)
        else [tuple(one[name] for name in names) for one in conds]
    )
    conditions = tuple(Condition(int(column), int(operator), str(value)) for column, operator, value in rows)
    return Query(int(found["sel"]), int(found["agg"]), conditions)


def prompt(question: str, table: Mapping[str, Any]) -> str:
    """Return what a model is given: the question, then number, name and kind of every column."""
    columns = (
        f"col{number} {name} ({kind})"
        for number, (name, kind) in enumerate(zip(table["header"], table["types"], strict=True))
    )
    return " | ".join(" ".join(part.split()) for part in (question, *columns))


def _written(rows: Dataset, split: str, origin: str) -> Dataset:
    """Add prompt and query as texts, and find the rows that have no right form."""

    def add(row: Mapping[str, Any], number: int) -> dict[str, str]:
        try:
            table, query = Table.read(row["table"]), read_query(row["sql"])
            if not query.fits(len(table.kinds)):
                raise ValueError("its query names a column, an aggregation or an operator that is not there")
            return {"prompt": prompt(row["question"], row["table"]), "query": write(query)}
        except (KeyError, TypeError, ValueError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"{origin}, split {split!r}, row {number}: {what}; allowed: question, table (header, types, "
                f"rows) and sql (sel, agg, conds: column_index, operator_index, condition). Mend that row, "
                f"or leave it out."
            ) from error

    others = [name for name in rows.column_names if name not in ("table", "sql")]
    return rows.map(add, with_indices=True, remove_columns=others, desc="queries")


def _load(data: DataConfig) -> Splits:
    """Return 56,355 rows for training, 8,421 for validation and 15,878 for the test."""
    found = read(SOURCE, data.path, SPLITS, RAW)
    train, validation, test = (_written(found[split], split, data.path or SOURCE.name) for split in SPLITS)
    return Splits(train, validation, {"test": test})


def _cases(part: Part) -> list[Case]:
    return [
        Case(read_query(sql), Table.read(table))
        for sql, table in zip(part.rows["sql"], part.rows["table"], strict=True)
    ]


def _score(predictions: Sequence[str], cases: Sequence[Case]) -> Scores:
    """Return the shares of queries that say the same as the right one, and of those that find the same.

    What does not parse is wrong in both. A query that is right finds the same by definition, also where the
    right one cannot be run.
    """
    logical = execution = 0
    for text, case in zip(predictions, cases, strict=True):
        query = parse(text)
        same = query is not None and query.equals(case.query)
        logical += same
        execution += same or (query is not None and _finds_the_same(query, case))
    return {"logical_form": logical / len(cases), "execution": execution / len(cases)}


def _finds_the_same(query: Query, case: Case) -> bool:
    wanted, found = answers(case.table, [case.query, query])
    return wanted is not None and wanted == found


def _first_column(part: Part) -> list[str]:
    return [write(Query(0, 0))] * len(part.rows)


TASK = Task(
    name="wikisql",
    about="Write the SQL that answers a question about a table.",
    problem=replace(
        WRITING, references=_cases, constant=_first_column, constant_name="first column, all rows"
    ),
    columns=COLUMNS,
    load=_load,
    score=_score,
    headline="logical_form",
    others=("execution",),
)
