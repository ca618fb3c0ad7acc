"""What renders the pages."""

import pytest
from jinja2 import UndefinedError

from experiments.pages import environment


def test_texts_are_escaped_and_missing_names_are_errors():
    template = environment().from_string("{{ name }}")
    assert template.render(name="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        template.render()
