"""Names and paths that are refused, each with a message that says which rule it breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edversion
from edversion.errors import InvalidInputError
from edversion.reference import (
    check_alias,
    check_name,
    check_path,
    check_paths,
    check_tag,
    default_name,
    parse_reference,
)
from edversion.repository import Repository
from edversion.run import Run
from edversion.starting import start_run
from edversion.testing.strategies import hostile_paths, names

EMPTY = "it is empty"
ILLEGAL_NAMES = [
    ("", EMPTY),
    ("..", "it starts with '.'"),
    (".hidden", "it starts with '.'"),
    ("-x", "it starts with '-'"),
    ("_x", "it starts with '_'"),
    ("a/b", "'/' is not allowed"),
    ("x\n", r"'\\n' is not allowed"),
    ("\nx", r"'\\n' is not allowed"),
    ("x\x00", r"'\\x00' is not allowed"),
    ("C:x", "':' is not allowed"),
    ("a@b", "'@' is not allowed"),
    ("a b", "' ' is not allowed"),
    ("naïve", "'ï' is not allowed"),
    ("x٣", "'٣' is not allowed"),
    ("a" * 129, "it has 129 characters; 128 are allowed"),
    ("a" * 200, "it has 200 characters; 128 are allowed"),
]
ILLEGAL_PATHS = [
    ("", EMPTY),
    ("..", r"it holds the part '\.\.'"),
    ("a/../b", r"it holds the part '\.\.'"),
    (".", r"it holds the part '\.'"),
    ("a/./b", r"it holds the part '\.'"),
    ("/etc/passwd", "it is absolute"),
    ("a//b", "it holds an empty part"),
    ("a/", "it holds an empty part"),
    ("C:x", "it starts with a drive"),
    ("c:/x", "it starts with a drive"),
    ("a\\b", "it holds a backslash"),
    ("a\x00b", "it holds a control character"),
    ("x\n", "it holds a control character"),
    ("a\x85", "it holds a control character"),
    ("\udcff", "it is not valid Unicode"),
    ("a" * 256, "a part has more than 255 bytes"),
    ("é" * 128, "a part has more than 255 bytes"),
    ("/".join("a" * 200 for _ in range(30)), "it has .* bytes; 4096 are allowed"),
]


def project(repository: Repository, name: str) -> object:
    return start_run(repository, project=name)


def collection(repository: Repository, name: str) -> object:
    return edversion.Artifact(name, "dataset")


def type_(repository: Repository, name: str) -> object:
    return edversion.Artifact("data", name)


def alias(repository: Repository, name: str) -> object:
    return repository.set_alias("data", name)


def tag(repository: Repository, name: str) -> object:
    return repository.tag("data", add=[name])


def logged_alias(repository: Repository, name: str) -> object:
    with start_run(repository, project="p") as run:
        return run.log_artifact(_draft(), aliases=[name])


def logged_tag(repository: Repository, name: str) -> object:
    with start_run(repository, project="p") as run:
        return run.log_artifact(_draft(), tags=[name])


def run_tag(repository: Repository, name: str) -> object:
    return start_run(repository, project="p", tags=[name])


def job_type(repository: Repository, name: str) -> object:
    return start_run(repository, project="p", job_type=name)


def relation(repository: Repository, name: str) -> object:
    with start_run(repository, project="p") as run:
        return run.use_artifact("data", relation=name)


def source_relation(repository: Repository, name: str) -> object:
    return _draft().add_source(repository.version("data"), name)


PLACES = [
    (project, "project"), (collection, "collection name"), (type_, "type"), (alias, "alias"),
    (tag, "tag"), (logged_alias, "alias"), (logged_tag, "tag"), (run_tag, "tag"),
    (job_type, "job type"), (relation, "relation"), (source_relation, "relation"),
]  # fmt: skip


def _draft() -> edversion.Artifact:
    draft = edversion.Artifact("data", "dataset")
    draft.add_bytes(b"1", "a")
    return draft


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Give a repository that refused calls cannot have changed."""
    folder = tmp_path_factory.mktemp("names")
    with edversion.init("p", store=folder / "store") as run:
        run.log_artifact(_draft())
    return edversion.open(folder / "store")


@pytest.mark.parametrize(("name", "rule"), ILLEGAL_NAMES)
@pytest.mark.parametrize(("place", "called"), PLACES)
def test_illegal_names_are_refused_everywhere(
    shared: Repository, place, called: str, name: str, rule: str
) -> None:
    # an empty project is "none given"; every other empty name is refused
    if place is project and not name:
        return
    if called == "tag" and place is not run_tag and name == "C:x":
        return  # tags of versions may hold colons
    with pytest.raises(InvalidInputError, match=rule) as caught:
        place(shared, name)
    assert caught.value.code == "illegal_name"
    assert str(caught.value).startswith(f"illegal {called} ")
    version = shared.version("data")
    assert (version.number, version.aliases, version.tags) == (0, ("latest",), ())


@pytest.mark.parametrize("name", [None, 3, b"data", ["data"]])
def test_names_that_are_no_text_are_refused(name: object) -> None:
    with pytest.raises(InvalidInputError, match="must be text"):
        check_name(name)  # type: ignore[arg-type]


@given(names())
def test_legal_names_are_kept(name: str) -> None:
    assert check_name(name) == name
    assert check_alias(name) == name


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "0", "a" * 128, "v", "v1x", "version3"])
def test_the_edges_of_the_legal(name: str) -> None:
    assert check_alias(name) == name


TAGS = ["fairness:gender:abroca", "a:", "C:x", "v3", "0" * 128, "split:test.v1_x-y"]


@pytest.mark.parametrize("name", TAGS)
def test_tags_of_versions_may_hold_colons(repository: Repository, name: str) -> None:
    assert check_tag(name) == name
    with start_run(repository, project="p") as run:
        assert run.log_artifact(_draft(), tags=[name]).tags == (name,)
    assert repository.tag("data", remove=[name]).tags == ()
    version = repository.tag("data", add=[name])
    assert version.tags == (name,)
    assert repository.search(f"tag = '{name}'") == (version,)
    assert repository.search(f"tag ~ '{name[-3:]}' and not tag = 'other:{name[:100]}'") == (
        version,
    )


@pytest.mark.parametrize(
    ("name", "rule"),
    [(":a", "it starts with ':'"), ("a b", "use letters, digits, '.', '_', ':' and '-'"),
     ("a/b", "'/' is not allowed"), ("a:" * 65, "130 characters"), ("", "it is empty")],
)  # fmt: skip
def test_illegal_tags_are_refused(name: str, rule: str) -> None:
    with pytest.raises(InvalidInputError, match=f"illegal tag .*{rule}"):
        check_tag(name)


@pytest.mark.parametrize("name", ["v3", "v0", "v007", "v" + "1" * 50])
def test_a_number_is_no_alias(shared: Repository, name: str) -> None:
    with pytest.raises(InvalidInputError, match="'v' and digits mean a version number"):
        shared.set_alias("data", name)
    with pytest.raises(InvalidInputError, match="'v' and digits mean a version number"):
        logged_alias(shared, name)


@pytest.mark.parametrize(("path", "rule"), ILLEGAL_PATHS)
def test_illegal_paths_are_refused(path: str, rule: str) -> None:
    draft = edversion.Artifact("data", "dataset")
    with pytest.raises(InvalidInputError, match=rule) as caught:
        draft.add_bytes(b"1", path)
    assert caught.value.code == "illegal_path"
    with pytest.raises(InvalidInputError, match=rule), draft.new_file(path):
        pytest.fail("the file was opened")
    assert draft.manifest.entries == ()


@given(hostile_paths())
def test_hostile_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidInputError, match="illegal path"):
        check_path(path)


@given(
    paths=st.lists(hostile_paths() | st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}", fullmatch=True))
)
def test_many_paths_are_judged_as_each_is(paths: list[str]) -> None:
    for prefix in ("", "folder/", "ü/", "../"):
        try:
            expected = [check_path(prefix + path) for path in paths]
        except InvalidInputError:
            with pytest.raises(InvalidInputError):
                check_paths(paths, prefix)
        else:
            assert check_paths(paths, prefix) == expected


def test_a_line_break_does_not_make_two_legal_paths() -> None:
    with pytest.raises(InvalidInputError, match="control character"):
        check_paths(["a", "b\nc"])


def test_a_bad_name_in_a_folder_adds_nothing_of_it(tmp_path) -> None:
    (tmp_path / "fine.txt").write_text("1")
    (tmp_path / "line\nbreak.txt").write_text("2")
    draft = edversion.Artifact("data", "dataset")
    with pytest.raises(InvalidInputError, match="control character"):
        draft.add_dir(tmp_path)
    assert draft.manifest.entries == ()


REFERENCES = [
    ("", "illegal collection name '': it is empty"),
    (":latest", "illegal collection name"),
    ("a:", "illegal alias '': it is empty"),
    ("a:b:c", "':' is not allowed"),
    ("a:v01", "version number"),
    ("a:v-1x/", "'/' is not allowed"),
    ("a/b/c", "illegal project 'a/b'"),
    ("/a", "illegal project ''"),
    ("a@sha256:00", "after '@' comes a digest"),
    ("a@blake3:" + "0" * 63, "after '@' comes a digest"),
    ("a@blake3:" + "G" * 64, "after '@' comes a digest"),
    ("a:latest@blake3:" + "0" * 64, "after '@' comes a digest"),
]


@pytest.mark.parametrize(("text", "rule"), REFERENCES)
def test_illegal_references_are_refused(shared: Repository, text: str, rule: str) -> None:
    with pytest.raises(InvalidInputError, match=rule):
        shared.version(text)


@given(names(), names(), names())
def test_references_are_printed_as_they_are_read(project: str, name: str, alias: str) -> None:
    for text in (f"{name}:{alias}", f"{project}/{name}:v12", f"{name}@blake3:{'0a' * 32}"):
        assert str(parse_reference(text)) == text


def test_the_default_name_is_a_legal_stem(run: Run, tmp_path) -> None:
    assert default_name("my model (1)") == "my_model_1"
    assert len(default_name("ab" * 200)) == 128
    with pytest.raises(InvalidInputError, match=EMPTY):
        default_name("???")
    path = tmp_path / "student math (v2).csv"
    path.write_text("1")
    assert run.log_artifact(path).name == "student_math_v2"
