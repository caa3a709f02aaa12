"""The rows of a Stack Exchange Posts.xml or its like, as a stream, and what makes it unreadable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml.common import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.expatreader import DefusedExpatParser

from devstack.importer.dump import MAX_ROW_BYTES, UnreadableDumpError

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    attributes: dict[str, str]


class _RowCollector(ContentHandler):
    """Takes `<posts><row/>...</posts>`, or rows in another root, and nothing else."""

    def __init__(self, parser: DefusedExpatParser, root: str) -> None:
        super().__init__()
        self._parser = parser
        self._root = root
        self._depth = 0
        self.rows: list[Row] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        line = self._parser.getLineNumber() or 0
        if self._depth == 0 and name != self._root:
            raise UnreadableDumpError(
                f"line {line}: the root is <{name[:60]}>, not <{self._root}>: "
                f"this is no {self._root.capitalize()}.xml"
            )
        if self._depth == 1:
            if name != "row":
                raise UnreadableDumpError(f"line {line}: <{name[:60]}> where only <row> may be")
            self.rows.append(Row(line, dict(attrs.items())))
        if self._depth > 1:
            raise UnreadableDumpError(f"line {line}: <{name[:60]}> inside a <row>")
        self._depth += 1

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        self._depth -= 1

    def take(self) -> list[Row]:
        rows, self.rows = self.rows, []
        return rows


def rows(stream: BinaryIO, root: str = "posts") -> Iterator[Row]:
    """Each row with the line it begins on; memory is bounded by one chunk and one row."""
    parser = DefusedExpatParser(forbid_dtd=True)
    collector = _RowCollector(parser, root)
    parser.setContentHandler(collector)
    since_row = 0
    while True:
        chunk = stream.read(CHUNK_BYTES)
        refusal = _feed(parser, chunk)
        found = collector.take()
        yield from found
        if refusal is not None:
            raise refusal
        if not chunk:
            return
        since_row = 0 if found else since_row + len(chunk)
        if since_row > MAX_ROW_BYTES:
            line = parser.getLineNumber()
            raise UnreadableDumpError(
                f"line {line}: no row ends within {MAX_ROW_BYTES // 1024:,} KiB: this is no post"
            )


def _feed(parser: DefusedExpatParser, chunk: bytes) -> UnreadableDumpError | None:
    """Returns the refusal, so that the rows before it in the same chunk are still seen."""
    try:
        if chunk:
            parser.feed(chunk)
        else:
            parser.close()
    except UnreadableDumpError as refusal:
        return refusal
    except DTDForbidden:
        what = "a DTD"
    except EntitiesForbidden:
        what = "an entity definition"
    except ExternalReferenceForbidden:
        what = "an external reference"
    except SAXParseException as error:
        return UnreadableDumpError(
            f"line {error.getLineNumber()}: broken XML: {error.getMessage()}"
        )
    except (LookupError, ValueError) as error:
        # pyexpat's answer to a declared encoding that Python does not know or cannot map.
        return UnreadableDumpError(f"the file's encoding cannot be read: {error}")
    else:
        return None
    line = parser.getLineNumber()
    return UnreadableDumpError(f"line {line}: {what}: a dump has none, and it is never expanded")
