"""libhdf5 1.10 crashes on a string whose place in the file's heap does not exist. That is what the cage is for: the reading
process dies, the program says so and goes on with the next network, in the same session."""
import json
import struct

import pytest

h5py = pytest.importorskip("h5py")
np = pytest.importorskip("numpy")


@pytest.fixture
def deadly(tmp_path):
    path = tmp_path / "deadly.h5"
    with h5py.File(path, "w") as f:
        f.create_group("model_weights").attrs["layer_names"] = np.array(["dense"], dtype=h5py.string_dtype())
        f.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": []}}'
    data = path.read_bytes()
    # A string of 5 bytes, in the heap at this address, the first there: not the first, but one far behind the heap's end.
    heap = data.index(b"GCOL")
    first, far = (struct.pack("<IQI", 5, heap, index) for index in (1, 0xFFFFFF))
    assert data.count(first) == 1
    path.write_bytes(data.replace(first, far))
    return path


def test_the_station_survives(clinic, deadly):
    answer = clinic("model", "show", deadly, "--json", expect=5)
    assert answer.error["code"] == "E109" and "signal" in answer.error["message"] and not answer.out


def test_the_same_session_goes_on(clinic, deadly, tree):
    """One process: a network that works, the deadly one, that one again, and one that works."""
    picture = str(tree / "samples" / "chest-normal-1.jpg")
    asked = [{"op": "models.show", "args": {"model": "chest-pneumonia"}}, {"op": "models.show", "args": {"model": str(deadly)}},
             {"op": "predict", "args": {"file": picture, "model": str(deadly)}},
             {"op": "models.show", "args": {"model": "skin-lesion"}}, {"op": "predict", "args": {"file": picture}}]
    lines = "".join(json.dumps({"id": i} | r) + "\n" for i, r in enumerate(asked))
    got = clinic("api", stdin=lines.encode(), expect=0).lines
    assert [a["ok"] for a in got] == [True, False, False, True, True], got
    assert got[1]["error"]["code"] == got[2]["error"]["code"] == "E109"
    assert got[4]["result"]["prediction"] == "NORMAL"


def test_a_crashed_import_leaves_nothing(clinic, deadly):
    clinic("model", "show", deadly, "--json", expect=5)
    cache = clinic.home / "station" / "cache"
    assert not [p for p in cache.rglob("*") if p.suffix == ".nn"]
