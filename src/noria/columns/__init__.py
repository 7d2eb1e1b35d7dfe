"""How the cells of a column are read: one form a column, learnt from the training values and kept in the state.

A component asks `read_column`, or `read_table` where columns say something of one another, keeps the form's `content`,
and later makes the same form of it with `form_of`. Knows no component. Read next: reading.py.
"""

from noria.columns.categories import CategoryForm as CategoryForm
from noria.columns.dates import ANY_DATE as ANY_DATE
from noria.columns.dates import DateForm as DateForm
from noria.columns.numbers import NumberForm as NumberForm
from noria.columns.reading import Column as Column
from noria.columns.reading import Form as Form
from noria.columns.reading import category_form as category_form
from noria.columns.reading import form_of as form_of
from noria.columns.reading import number_form as number_form
from noria.columns.reading import read_table as read_table
from noria.columns.texts import TextForm as TextForm
