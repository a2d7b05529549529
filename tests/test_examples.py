"""The example notebook runs from top to bottom and shows its pictures."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_the_notebook_walks_from_anynet_to_regnet(tmp_path):
    notebook = nbformat.read(EXAMPLES / "anynet_to_regnet.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = "".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    assert "10 dimensions" in shown
    assert "image/png" in shown or "data:image/png" in shown
    assert "no difference detected" in shown or "better" in shown
