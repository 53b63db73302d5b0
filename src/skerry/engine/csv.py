"""One record of CSV as Go's encoding/csv reads it: what ``--flag 'a,"b,c"'`` means to pflag."""

from __future__ import annotations


class CSVError(Exception):
    """Go's words for what is wrong with the record."""


def read_record(text: str) -> list[str]:
    """The fields of the first non-empty line of ``text``; quoted fields may span lines. EOF for an empty text."""
    text = text.replace("\r\n", "\n")
    if text.endswith("\r"):
        text = text[:-1]
    text = text.lstrip("\n")  # empty lines are skipped
    if not text:
        raise CSVError("EOF")
    fields: list[str] = []
    position = 0
    while True:
        if text[position : position + 1] == '"':
            field, position = _quoted(text, position)
        else:
            end = position
            while end < len(text) and text[end] not in ",\n":
                end += 1
            field = text[position:end]
            if '"' in field:
                raise CSVError(
                    f'parse error on {_place(text, position + field.index(chr(34)))}: bare " in non-quoted-field'
                )
            position = end
        fields.append(field)
        if text[position : position + 1] != ",":  # the end of the line, or of everything
            return fields
        position += 1


def _quoted(text: str, start: int) -> tuple[str, int]:
    """The quoted field that begins at ``start``, and the position after its closing quote."""
    parts: list[str] = []
    position = start + 1
    while True:
        end = text.find('"', position)
        if end < 0:
            raise CSVError(f'parse error on {_place(text, len(text))}: extraneous or missing " in quoted-field')
        parts.append(text[position:end])
        position = end + 1
        after = text[position : position + 1]
        if after == '"':
            parts.append('"')
            position += 1
        elif after in ("", ",", "\n"):
            return "".join(parts), position
        else:
            raise CSVError(f'parse error on {_place(text, end)}: extraneous or missing " in quoted-field')


def _place(text: str, position: int) -> str:
    before = text[:position]
    line = before.count("\n") + 1
    column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape")) + 1
    return f"line {line}, column {column}"
