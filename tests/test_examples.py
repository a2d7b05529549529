"""The example notebooks run from top to bottom and show what they promise."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, folder: Path) -> str:
    """Run a notebook in a folder and return all that it shows."""
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)


@pytest.mark.slow
def test_the_notebook_walks_from_anynet_to_regnet(tmp_path):
    shown = run("anynet_to_regnet.ipynb", tmp_path)
    assert "10 dimensions" in shown
    assert "image/png" in shown or "data:image/png" in shown
    assert "no difference detected" in shown or "better" in shown


@pytest.mark.slow
def test_the_notebook_searches_a_network(tmp_path):
    shown = run("search.ipynb", tmp_path)
    assert "resolution: 20 pixels, as asked for" in shown
    assert "Winner: RegNetXConstrained" in shown
    assert "there is no test split" in shown
    assert "'digit " in shown
    assert "'package', 'report', 'search.db', 'search.json', 'study.yaml', 'summary.txt'" in shown
