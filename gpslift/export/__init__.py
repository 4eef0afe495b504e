"""Export: from a density field to a georeferenced mesh and pictures. Takes callables; knows no renderer."""

from gpslift.export.landmark import ExportReport, export_landmark

__all__ = ["ExportReport", "export_landmark"]
