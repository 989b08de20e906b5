"""Pictures as a document names them: by a file beside it or by bytes in it, and by what they hold."""

import re
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final, Self

from chat.conversation import Image
from chat.errors import ChatError, ImageError, StoreBusyError, TranscriptError
from chat.files import byte_size
from chat.images import MOST_BYTES, MOST_SIDE, PICTURE_SUFFIXES, media_type, read_image
from chat.safe_text import printable, short_line

PICTURE_FOLDER: Final = "pictures"

_NOT_FOR_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PictureObject:
    """A picture as a document names it."""

    digest: str
    file: str | None = None
    """Where it lies beside the document; None where the document holds it."""
    width: int = 0
    height: int = 0
    name: str | None = None
    is_missing: bool = False
    """Whether it was gone already when the document was written."""

    def __post_init__(self) -> None:
        if not is_digest(self.digest):
            raise TranscriptError("digest is not one of sha256, of 64 hexadecimal digits")

    @property
    def words(self) -> str:
        """What to call it in an error."""
        return short_line(self.file or self.name or f"picture {self.digest[:8]}")


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """A picture that a document holds."""

    digest: str
    data: str
    """Its bytes in base64."""

    def __post_init__(self) -> None:
        if len(self.data) > 4 * (MOST_BYTES // 3 + 1):
            raise TranscriptError(f"data is of a picture larger than {byte_size(MOST_BYTES)}")

    @classmethod
    def of(cls, digest: str, content: bytes) -> "HeldPicture":
        """Of a picture's bytes."""
        return cls(digest, b64encode(content).decode("ascii"))

    def image(self) -> Image:
        """The picture, decoded once to be sure of it."""
        try:
            content = b64decode(self.data, validate=True)
        except ValueError as error:
            raise TranscriptError("data is not base64") from error
        return read_image(content, f"picture {short_line(self.digest)[:8]}")


class Pictures:
    """The pictures of a document that is read; each is opened once, however often it is named."""

    def __init__(
        self,
        open_picture: Callable[[str], Image | None],
        held: Sequence[HeldPicture],
        named: Iterable[PictureObject],
        *,
        missing_ok: bool,
    ) -> None:
        """Take where they come from.

        Args:
            open_picture: Gives the picture in a file beside the document; None where there is no such file.
            held: Those in the document.
            named: Every place that names one: where it is said to be gone in one, another may have it.
            missing_ok: Whether one that is gone may be stood in for by one that cannot be read, also where the document
                does not say so.
        """
        self._open_picture = open_picture
        self._held = {picture.digest: picture for picture in held}
        self._missing_ok = missing_ok
        self._named = named
        self._opened: dict[tuple[str, str | None], Image] = {}
        self.missing: dict[str, Image] = {}
        """Those that are gone, by their digests."""

    def picture(self, named: PictureObject) -> Image:
        """The picture that a document names; raises TranscriptError where it is gone, or another one is there."""
        key = (named.digest, named.file)
        image = self._opened.get(key) or self.missing.get(named.digest)
        if image is None:
            image = self._opened_now(named) or self._opened_elsewhere(named)
            if image is None:
                image = self.missing[named.digest] = self._placeholder(named)
            else:
                self._opened[key] = image
        return image if named.name is None else replace(image, name=_shown_name(named.name))

    def _opened_elsewhere(self, named: PictureObject) -> Image | None:
        """A picture that may be gone from where it is named here, and is where it is named in another place."""
        if not self._may_be_gone(named):
            return None
        others = self._places.get(named.digest, {})
        return next((image for other in others.values() if (image := self._opened_now(other)) is not None), None)

    @cached_property
    def _places(self) -> dict[str, dict[str | None, PictureObject]]:
        """For their digests, the files of pictures that are named, each with one place that names it."""
        places: dict[str, dict[str | None, PictureObject]] = defaultdict(dict)
        for named in self._named:
            places[named.digest][named.file] = named
        return places

    def _opened_now(self, named: PictureObject) -> Image | None:
        held = self._held.get(named.digest)
        if named.file is not None:
            image = self._open_picture(named.file)
        else:
            image = held.image() if held else None
        if image is not None and image.digest != named.digest:
            raise TranscriptError(f"{named.words} is another picture than the one that was saved")
        return image

    def _may_be_gone(self, named: PictureObject) -> bool:
        return named.is_missing or self._missing_ok

    def _placeholder(self, named: PictureObject) -> Image:
        if not self._may_be_gone(named):
            where = "put it back beside the file" if named.file else "the file does not hold it"
            raise TranscriptError(f"the picture {named.words} is missing: {where}")
        width, height = (min(max(side, 1), MOST_SIDE) for side in (named.width, named.height))
        name = _shown_name(named.name or PurePosixPath(named.file or "picture").name)
        return gone(named.digest, name, f"{named.words} is missing", width, height)


def gone(digest: str, name: str, words: str, width: int = 1, height: int = 1) -> Image:
    """A picture of which nothing else is known; reading it raises ImageError with these words."""

    def read() -> bytes:
        raise ImageError(words)

    return Image(digest, width, height, name, read)


@dataclass(frozen=True, slots=True)
class PictureNames:
    """How a document that is written names its pictures."""

    files: Mapping[str, str] = field(default_factory=dict)
    """For their digests, the paths of their files from where the document will lie."""
    missing: frozenset[str] = frozenset()
    """The digests of those that are gone."""

    @classmethod
    def beside(cls, images: Iterable[Image]) -> Self:
        """For files in the folder beside the document; each picture is read."""
        files: dict[str, str] = {}
        missing: set[str] = set()
        for image in images:
            content = bytes_of(image)
            files[image.digest] = _file_of(image, content)
            if content is None:
                missing.add(image.digest)
        return cls(files, frozenset(missing))

    def object_of(self, image: Image) -> PictureObject:
        """What stands for a picture."""
        file, is_missing = self.files.get(image.digest), image.digest in self.missing
        return PictureObject(image.digest, file, image.width, image.height, _shown_name(image.name), is_missing)


def is_digest(text: str) -> bool:
    """Whether a text is what sha256 gives, in hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def written_picture(named: PictureObject) -> dict[str, object]:
    """A picture's name as JSON has it."""
    file = {} if named.file is None else {"file": named.file}
    held = {"digest": named.digest, "width": named.width, "height": named.height, "name": named.name}
    missing = {"is_missing": True} if named.is_missing else {}
    return {**file, **held, **missing}


def bytes_of(image: Image) -> bytes | None:
    """A picture's bytes; None where they are gone.

    Raises:
        TranscriptError: They are those of another one.
        StoreBusyError: Nobody can tell as long as another program holds the database.
    """
    try:
        content = image.read()
    except StoreBusyError:
        raise
    except ChatError:
        return None
    if sha256(content).hexdigest() != image.digest:
        raise TranscriptError(f"picture {short_line(image.name)} is no longer what it was: its digest differs")
    return content


def file_of(image: Image) -> str:
    """Where a picture's file lies beside the document.

    The path keeps the picture's name where that is fit for one, and part of its digest, so that the pictures of many
    transcripts can share a folder.
    """
    return _file_of(image, bytes_of(image))


def _file_of(image: Image, content: bytes | None) -> str:
    mark = f"-{image.digest[:12]}"
    path = PurePosixPath(_shown_name(image.name))
    # A picture that came with a transcript carries the mark already.
    stem = _NOT_FOR_FILE_NAMES.sub("-", path.stem.removesuffix(mark))[:40].strip("-") or "picture"
    suffix = _suffix_of(content) if content is not None else path.suffix.lower()
    return f"{PICTURE_FOLDER}/{stem}{mark}{suffix if suffix in PICTURE_SUFFIXES else '.octet-stream'}"


def _suffix_of(content: bytes) -> str:
    return f".{media_type(content).rpartition('/')[2]}".replace("jpeg", "jpg")


def _shown_name(name: str) -> str:
    return printable(name, multiline=False)
