"""Sources of images: folders, tables, the hub and functions of the user, found by name or path."""
