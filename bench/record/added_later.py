"""The mark of a record's field that files of earlier versions do not have. Standard library only."""

from __future__ import annotations

ADDED_LATER = {"added_later": True}
"""Metadata of a field: a file without it is an older one, in which the field's default was true of everything.

A change of what a field means is a new schema instead.
"""
