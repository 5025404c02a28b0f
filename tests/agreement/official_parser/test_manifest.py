"""Reading the manifest of a corpus: the usual names of columns and verdicts, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement.official_parser.corpus import Recorded, UnreadableManifest, read_manifest


def corpus(folder: Path, manifest: str) -> Path:
    (folder / "a.yaml").write_text("asyncapi: 3.0.0\n", encoding="utf-8")
    (folder / "MANIFEST.tsv").write_text(manifest, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("manifest", "version", "accepted"),
    [
        ("path\tversion\tverdict\na.yaml\t3.0.0\tvalid\n", "3.0.0", True),
        ("# file\tasyncapi\tstructural\na.yaml\t3.0.0\tinvalid\n", "3.0.0", False),
        ("File\tValid\tStructural verdict\na.yaml\ttrue\tfalse\n", None, False),
        ("sha1\tpath\tasyncapi_version\tparser_valid\nx\ta.yaml\t2.6.0\t1\n", "2.6.0", True),
        ("document,version,accepted\na.yaml,3.0.0,no\n", "3.0.0", False),
        ("path\tversion\tverdict\na.yaml\t3.0.0\tunknown\n\na.yaml\t3.0.0\tok\n", "3.0.0", None),
    ],
)
def test_the_columns_are_found_by_their_names(
    tmp_path: Path, manifest: str, version: str | None, accepted: bool | None
) -> None:
    first, *_ = read_manifest(corpus(tmp_path, manifest))
    assert first == Recorded(tmp_path / "a.yaml", version, accepted)


def test_documents_may_lie_in_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "b.yaml").write_text("asyncapi: 3.0.0\n", encoding="utf-8")
    (one,) = read_manifest(corpus(tmp_path, "path\tverdict\nb.yaml\tvalid\n"))
    assert one.path == tmp_path / "documents" / "b.yaml"


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("", "is empty"),
        ("path\tbytes\na.yaml\t5\n", "has no column of verdicts: its columns are path, bytes"),
        ("sha1\tverdict\nx\tvalid\n", "has no column of paths: its columns are sha1, verdict"),
        ("path\tverdict\na.yaml\tperhaps\n", "holds no verdicts: [('perhaps', 1)]"),
    ],
)
def test_a_manifest_that_means_nothing_is_named_with_what_it_holds(tmp_path: Path, manifest: str, said: str) -> None:
    with pytest.raises(UnreadableManifest, match=r"MANIFEST\.tsv") as error:
        read_manifest(corpus(tmp_path, manifest))
    assert said in str(error.value)


def test_a_corpus_without_a_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableManifest, match=r"MANIFEST\.tsv is missing"):
        read_manifest(tmp_path)
