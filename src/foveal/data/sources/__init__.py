"""Sources of images: folders, parquet tables, the Hugging Face hub, and functions of the user."""

from foveal.data.sources.lookup import DataSource, find_source, is_import_path, list_data_names

__all__ = ["DataSource", "find_source", "is_import_path", "list_data_names"]
