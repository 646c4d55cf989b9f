"""A picture says that a machine has coloured it: which one, and how it was set."""

import dataclasses
import json
from collections.abc import Mapping
from xml.etree import ElementTree

from PIL import ExifTags, Image

from colorflax.picture.metadata import Metadata, raw

# https://cv.iptc.org/newscodes/digitalsourcetype: a photograph that a trained model has
# added to.
_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/"
    "compositeWithTrainedAlgorithmicMedia"
)
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_META = "adobe:ns:meta/"
_OURS = "urn:colorflax:"
for _prefix, _uri in (
    ("rdf", _RDF), ("Iptc4xmpExt", _IPTC), ("xmp", _XMP), ("x", _META),
    ("colorflax", _OURS), ("dc", "http://purl.org/dc/elements/1.1/"),
):  # fmt: skip
    ElementTree.register_namespace(_prefix, _uri)


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where colours come from.

    Attributes:
        software: name and version.
        checkpoint: SHA-256 of the network's arrays, in hex.
        step: of the training that made them.
        settings: that the colours depend on.
    """

    software: str
    checkpoint: str
    step: int
    settings: Mapping[str, object]

    def sentence(self) -> str:
        """For people."""
        settings = ", ".join(f"{k}={v}" for k, v in self.settings.items())
        return (
            f"Colours predicted by {self.software}, not those of the original "
            f"(checkpoint {self.checkpoint}, step {self.step}; {settings})"
        )

    def sign(self, metadata: Metadata) -> Metadata:
        """What came with the picture, and this in EXIF, XMP and the texts of a PNG."""
        text = dict(metadata.text)
        text["Software"] = self.software
        text["Comment"] = self._after(text.get("Comment"))
        text["colorflax"] = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return dataclasses.replace(
            metadata, exif=self._exif(metadata.exif), xmp=self._xmp(metadata.xmp),
            text=text,
        )  # fmt: skip

    def _after(self, before: str | None) -> str:
        return f"{before.rstrip()} | {self.sentence()}" if before else self.sentence()

    def _exif(self, block: bytes) -> bytes:
        exif = Image.Exif()
        if block:
            exif.load(block)
        exif[ExifTags.Base.Software] = self.software
        before = exif.get(ExifTags.Base.ImageDescription)
        whole = self._after(str(before) if before else None)
        exif[ExifTags.Base.ImageDescription] = whole
        for part in (exif, exif.get_ifd(ExifTags.IFD.Exif)):
            for tag, value in part.items():
                part[tag] = raw(value)
        return exif.tobytes()

    def _xmp(self, packet: bytes) -> bytes:
        rdf = f"{{{_RDF}}}"
        said = {
            f"{{{_IPTC}}}DigitalSourceType": _SOURCE_TYPE,
            f"{{{_XMP}}}CreatorTool": self.software,
            f"{{{_OURS}}}checkpoint": self.checkpoint,
            f"{{{_OURS}}}step": str(self.step),
            f"{{{_OURS}}}settings": json.dumps(dict(self.settings), sort_keys=True),
        }
        try:
            root = ElementTree.fromstring(packet)
        except ElementTree.ParseError:
            root = ElementTree.Element(f"{{{_META}}}xmpmeta")
        holder = root if root.tag == f"{rdf}RDF" else root.find(f"{rdf}RDF")
        if holder is None:
            holder = ElementTree.SubElement(root, f"{rdf}RDF")
        for description in holder.findall(f"{rdf}Description"):
            for name in said:
                description.attrib.pop(name, None)
                for old in description.findall(name):
                    description.remove(old)
        ours = ElementTree.SubElement(holder, f"{rdf}Description", {f"{rdf}about": ""})
        for name, value in said.items():
            ElementTree.SubElement(ours, name).text = value
        body = ElementTree.tostring(root, encoding="unicode")
        begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        return f'{begin}\n{body}\n<?xpacket end="w"?>'.encode()
