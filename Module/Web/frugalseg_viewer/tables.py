"""What the logic answers (tables, collections of messages) as plain Python values."""

from slicer import vtkMRMLMessageCollection
from vtkmodules.vtkCommonDataModel import vtkTable


def value_of(variant):
    """A cell as number or text."""
    return variant.ToDouble() if variant.IsNumeric() else variant.ToString()


def rows_of(table):
    """The rows of a vtkTable, each a dictionary by column name."""
    names = [table.GetColumnName(i) for i in range(table.GetNumberOfColumns())]
    return [
        {name: value_of(table.GetValueByName(row, name)) for name in names}
        for row in range(table.GetNumberOfRows())
    ]


def ask(method, *arguments):
    """Call a method of the logic that takes a table and messages last: (answer, rows, sentences)."""
    table, messages = vtkTable(), vtkMRMLMessageCollection()
    answer = method(*arguments, table, messages)
    return answer, rows_of(table), texts_of(messages)


def rows_from(method):
    """The rows of a method that only fills a table."""
    table = vtkTable()
    method(table)
    return rows_of(table)


def texts_of(messages):
    """The sentences of a vtkMRMLMessageCollection."""
    return [messages.GetNthMessageText(i) for i in range(messages.GetNumberOfMessages())]
