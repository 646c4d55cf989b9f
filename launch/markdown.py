"""Tables that read as well in a terminal as on a page."""


def markdown(rows: list[list[str]], right: set[int]) -> str:
    """A table with its header in the first row; the columns `right` end together."""
    widths = [max(2, *map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + (":" if i in right else "-")
        for i, width in enumerate(widths)
    ]
    return "\n".join(map(line, [rows[0], rule, *rows[1:]]))
