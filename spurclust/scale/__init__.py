"""Predictions for more sources than fit into memory, on dask: needs the extra `scale`."""

from spurclust.errors import import_optional as _import_optional

for _module in ("dask.dataframe", "distributed", "pyarrow", "filelock"):
    _import_optional(_module, feature="spurclust.scale", extra="scale")

from spurclust.scale.cluster import open_client  # noqa: E402 (after what it needs)
from spurclust.scale.predictor import predict_sources  # noqa: E402
from spurclust.scale.writing import Written, write_predictions  # noqa: E402

__all__ = [
    "Written",
    "open_client",
    "predict_sources",
    "write_predictions",
]
