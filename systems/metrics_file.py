"""metrics.csv: one row per logged step. Unlike Lightning's own, it goes on with the rows of a resumed run."""

import csv
import io
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from gpslift.storage import replace_text, saving


class MetricsFile(Logger):
    """A Lightning logger that keeps `path` complete; columns are added as metrics turn up.

    first_step: the step that training goes on from; rows of later steps, written before a crash, are dropped.
    """

    def __init__(self, path: Path, first_step: int = 0) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, str]] = _read(path, first_step)

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: config.yaml in the run folder has them."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Adds the metrics to the row of that step and writes the file."""
        row = {name: f"{value:.8g}" for name, value in metrics.items() if name != "epoch"}
        if self.rows and self.rows[-1]["step"] == str(step):
            self.rows[-1].update(row)
        else:
            self.rows.append({"step": str(step), **row})

    @rank_zero_only
    def save(self) -> None:
        """Writes all rows, in the first process."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns or ["step"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with saving(self.path.parent):
            replace_text(self.path, text.getvalue())

    def finalize(self, status: str) -> None:
        """Writes all rows at the end."""
        self.save()


def _read(path: Path, first_step: int) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if value} for row in rows if int(row["step"]) <= first_step]
