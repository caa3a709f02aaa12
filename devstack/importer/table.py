"""Rows of cells as a Markdown table that loses no cell."""

# Noncharacters: taken out of every body before, so they can only come from the converter.
HEADER_ROW, DATA_ROW, CELL = "\ufdd0", "\ufdd1", "\ufdd2"
ROW_MARKS = HEADER_ROW + DATA_ROW + CELL
MAX_COLUMNS = 100


class TableTooWideError(ValueError):
    """Each short row is filled up to the widest, which must therefore be bounded."""


def table(text: str) -> str:
    """A caption stays a paragraph before; a short row is filled up, no long one is cut."""
    caption, *rest = text.replace(HEADER_ROW, DATA_ROW + HEADER_ROW).split(DATA_ROW)
    rows = [
        (row.startswith(HEADER_ROW), row.removeprefix(HEADER_ROW).split(CELL)[:-1]) for row in rest
    ]
    rows = [(is_header, cells) for is_header, cells in rows if cells]
    if not rows:
        return text.translate(dict.fromkeys(map(ord, ROW_MARKS), " "))
    columns = max(len(cells) for _, cells in rows)
    if columns > MAX_COLUMNS:
        raise TableTooWideError(f"a table has {columns:,} columns; at most {MAX_COLUMNS}")
    lines = [_line(cells, columns) for _, cells in rows]
    if not rows[0][0]:
        lines.insert(0, _line([], columns))
    lines.insert(1, _line(["---"] * columns, columns))
    return f"\n\n{caption.strip()}\n\n" + "\n".join(lines) + "\n\n"


def _line(cells: list[str], columns: int) -> str:
    filled = [cell.strip() for cell in cells] + [""] * (columns - len(cells))
    return "| " + " | ".join(filled) + " |"
