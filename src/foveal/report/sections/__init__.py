"""Sections of a report, one file each, built from records."""
